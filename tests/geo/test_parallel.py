"""Work in threads: results keep their order, errors are raised, and forked processes have threads too."""

import os
import signal

import pytest

from geo import parallel


def test_results_keep_their_order_and_errors_are_raised() -> None:
    assert parallel.map_in_threads(lambda item: item * 2, [1, 2, 3, 4]) == [2, 4, 6, 8]
    with pytest.raises(ZeroDivisionError):
        parallel.map_in_threads(lambda item: 1 // item, [1, 0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded:DeprecationWarning")
def test_forked_process_has_threads_of_its_own() -> None:
    parallel.map_in_threads(abs, [1, 2])
    child = os.fork()
    if not child:
        signal.alarm(10)
        os._exit(0 if parallel.map_in_threads(abs, [-1, -2, -3]) == [1, 2, 3] else 1)
    assert os.waitpid(child, 0)[1] == 0
