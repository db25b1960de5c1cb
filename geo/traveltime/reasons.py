"""Why nothing is reached, in the words of the answers."""

import numpy as np

from geo.arrays import BoolArray, ObjectArray

NO_STREET = "{metres:g} 米内无街道 no street within {metres:g} m"
NO_ROUTE = "沿街道到不了任何设施 no facility can be reached on the network"
NO_FACILITIES = "没有这类设施 there is no such facility"


def where(unreached: BoolArray, reason: str) -> ObjectArray:
    """``reason`` where ``unreached``, else None, shape (n,)."""
    texts = np.full(len(unreached), None, dtype=object)
    texts[unreached] = reason
    return texts
