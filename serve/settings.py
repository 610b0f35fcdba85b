"""Settings of the service and the command line, read from the environment.

Every setting has the prefix ``CITYEYE_``; nested ones join with two underscores, for example
``CITYEYE_RASTER__MAX_PIXELS=1000000000``.
"""

from __future__ import annotations

from pydantic import Field
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
