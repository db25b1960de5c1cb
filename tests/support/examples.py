"""How many examples hypothesis draws: a third in the usual run of the tests, all of them in `make test-long`."""

import os

IS_LONG = os.environ.get("TEST_LONG") == "1"


def examples(count: int) -> int:
    """``count`` in the long run; a third of it, but at least ten, in the usual one."""
    return count if IS_LONG else max(count // 3, min(count, 10))
