"""The type of JSON objects in tests."""

from typing import Any, TypeAlias

JsonObject: TypeAlias = dict[str, Any]
