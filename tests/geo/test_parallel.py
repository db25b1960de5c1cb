"""Work on several cores: in order, with its errors, in forks too."""

import os
import signal

import pytest

from geo import parallel


def test_results_come_in_order_and_errors_come_out() -> None:
    assert parallel.map_in_threads(lambda part: part * 2, [1, 2, 3, 4]) == [2, 4, 6, 8]
    with pytest.raises(ZeroDivisionError):
        parallel.map_in_threads(lambda part: 1 // part, [1, 0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no forks here")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_a_fork_has_threads_of_its_own() -> None:
    parallel.map_in_threads(abs, [1, 2])
    child = os.fork()
    if not child:
        signal.alarm(10)
        os._exit(0 if parallel.map_in_threads(abs, [-1, -2, -3]) == [1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0
