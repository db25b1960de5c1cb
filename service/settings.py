"""Settings, from environment variables that begin with ``FUWUQUAN_`` or from the command line."""

from pathlib import Path
from typing import Annotated

import limits
from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL


class Settings(BaseSettings):
    """What an operator may set; docs/operation.md explains each."""

    model_config = SettingsConfigDict(env_prefix="FUWUQUAN_")

    study: Path = Path("data")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    verify_days: Annotated[int, Field(ge=1, le=36500)] = 365
    most_upload_mb: Annotated[int, Field(ge=1, le=10_000)] = 100
    cors_origins: str = "*"
    rate: str | None = None
    tiles: Annotated[str | None, Field(pattern=r"^https?://(\{[sxyzr]\}|[!#-&(-+.-:=?-Z_a-z~-])+$")] = None
    tiles_attribution: str = ""

    @field_validator("rate")
    @classmethod
    def _rate(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                usable = all(rate.amount > 0 for rate in limits.parse_many(value))
            except ValueError:
                usable = False
            if not usable:
                raise ValueError("needs a rate such as 600/minute, or several: 600/minute;5000/day")
        return value

    @property
    def register_url(self) -> str | URL:
        """The database's address: the one set, else SQLite beside the study."""
        beside = URL.create("sqlite", database=str((self.study / "register.sqlite").absolute()))
        return self.database_url or beside
