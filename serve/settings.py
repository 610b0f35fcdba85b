"""Settings of the service and the command line, read from the environment.

Every setting has the prefix ``CITYEYE_``; nested ones join with two underscores, for example
``CITYEYE_RASTER__MAX_PIXELS=1000000000``.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from vision.survey.intake import RasterLimits


class Settings(BaseSettings):
    """What a deployment may set."""

    model_config = SettingsConfigDict(
        env_prefix="CITYEYE_", env_nested_delimiter="__", extra="ignore", frozen=True
    )

    raster: RasterLimits = Field(
        default_factory=RasterLimits,
        title="Raster limits",
        description="what a survey file may claim before a pixel of it is read",
    )
    models_dir: Path | None = Field(
        default=None,
        title="Folder of the city's own models",
        description="each in a folder of its own with its card.yaml; they win over the models that "
        "ship with CityEye where name and version are the same",
    )

    @field_validator("models_dir", mode="before")
    @classmethod
    def _empty_is_none(cls, value: object) -> object:
        """An empty variable means none, and never the folder one happens to be in."""
        return None if value == "" else value
