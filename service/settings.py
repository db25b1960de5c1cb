"""The program's settings, read from ``FUWUQUAN_`` environment variables or passed by the command line.

`service.cli` makes one `Settings` and passes it on; worker processes of the server read theirs from the environment.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

if TYPE_CHECKING:
    from sqlalchemy import URL


class Settings(BaseSettings):
    """The settings that an operator can change; docs/operation.md explains each."""

    model_config = SettingsConfigDict(env_prefix="FUWUQUAN_")

    study: Path = Path("data")
    database_url: str | None = None
    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    verify_days: Annotated[int, Field(ge=1, le=36500)] = 365
    most_upload_mb: Annotated[int, Field(ge=1, le=10_000)] = 100
    sites_seconds: Annotated[float, Field(gt=0, le=10, allow_inf_nan=False)] = 0.4
    cors_origins: str = "*"
    rate: str | None = None
    tiles: Annotated[str | None, Field(pattern=r"^https?://(\{[sxyzr]\}|[!#-&(-+.-:=?-Z_a-z~-])+$")] = None
    tiles_attribution: str = ""

    @field_validator("rate")
    @classmethod
    def _check_rate(cls, value: str | None) -> str | None:
        if value is not None:
            import limits  # slow to import, and rates are seldom set

            try:
                valid = all(rate.amount > 0 for rate in limits.parse_many(value))
            except ValueError:
                valid = False
            if not valid:
                raise ValueError("needs a rate such as 600/minute, or several: 600/minute;5000/day")
        return value

    @property
    def register_url(self) -> "str | URL":
        """The address of the register's database: ``database_url`` if set, else an SQLite file in the study folder."""
        if self.database_url:
            return self.database_url
        from sqlalchemy import URL  # slow to import; --help does not need it

        return URL.create("sqlite", database=str((self.study / "register.sqlite").absolute()))
