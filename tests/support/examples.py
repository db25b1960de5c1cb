"""What the usual run leaves to `make test-long`: two thirds of the generated examples, and some long tests."""

import os

import pytest

IS_LONG = os.environ.get("TEST_LONG") == "1"

only_long = pytest.mark.skipif(not IS_LONG, reason="takes seconds for a variant of another test: make test-long")


def examples(count: int) -> int:
    """``count`` in the long run; a third of it, but at least ten, in the usual one."""
    return count if IS_LONG else max(count // 3, min(count, 10))
