"""Array types, each named after its element type.

Shapes stand in the docstrings of the functions that take and return arrays.
"""

from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

BoolArray: TypeAlias = NDArray[np.bool_]
Float32Array: TypeAlias = NDArray[np.float32]
Float64Array: TypeAlias = NDArray[np.float64]
Int32Array: TypeAlias = NDArray[np.int32]
Int64Array: TypeAlias = NDArray[np.int64]
Int8Array: TypeAlias = NDArray[np.int8]
UInt8Array: TypeAlias = NDArray[np.uint8]
UInt32Array: TypeAlias = NDArray[np.uint32]
UInt64Array: TypeAlias = NDArray[np.uint64]
AnyArray: TypeAlias = NDArray[Any]
"""Any element type: what files hold before its type is known."""
ObjectArray: TypeAlias = NDArray[np.object_]
"""Python objects, such as texts that may be None."""
GeometryArray: TypeAlias = NDArray[np.object_]
"""shapely geometries; None where there is none."""
Geometries = TypeVar("Geometries", BaseGeometry, GeometryArray)
"""One shapely geometry or an array of them: a function that takes one returns one."""
