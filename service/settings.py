"""Settings, from environment variables that begin with ``FUWUQUAN_`` or from the command line."""

from pathlib import Path
from typing import Annotated

from pydantic import Field
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
    tiles: Annotated[str | None, Field(pattern=r"^https?://(\{[sxyzr]\}|[!#-&(-+.-:=?-Z_a-z~-])+$")] = None
    tiles_attribution: str = ""

    @property
    def register_url(self) -> str | URL:
        """The database's address: the one set, else SQLite beside the study."""
        beside = URL.create("sqlite", database=str((self.study / "register.sqlite").absolute()))
        return self.database_url or beside
