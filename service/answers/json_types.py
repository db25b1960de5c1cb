"""The type of JSON objects that answers consist of."""

from typing import TypeAlias

JsonObject: TypeAlias = dict[str, object]
"""An object that orjson can encode; values may be dataclasses, dates or ready JSON (`orjson.Fragment`)."""
