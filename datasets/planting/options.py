"""What is planted into a picture, and how much of it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class MisalignOptions(BaseModel):
    """How far the earlier survey's georeference is off. Each value is the largest that is drawn."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_offset_m: float = Field(default=2.5, ge=0, le=20)
    max_rotation_deg: float = Field(default=0.2, ge=0, le=5)
    max_scale_error: float = Field(default=0.002, ge=0, le=0.05)
    max_distortion_m: float = Field(default=0.4, ge=0, le=3)
    min_wavelength_m: float = Field(default=120.0, gt=0)


class PlantOptions(BaseModel):
    """Counts and switches. The defaults suit about five hectares of town and fields.

    A count is what is tried for; where a crop has no room, fewer are planted and the truth says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    new_structures: int = Field(default=12, ge=0, description="structures only in the later survey")
    removed_structures: int = Field(default=4, ge=0, description="only in the earlier survey")
    rooftop_share: float = Field(
        default=0.28, ge=0, le=1, description="share of new structures on top of given buildings"
    )
    real_roof_share: float = Field(
        default=0.5, ge=0, le=1, description="share of roofs cut from given buildings"
    )
    min_structure_m2: float = Field(default=11.0, gt=0)
    max_structure_m2: float = Field(default=500.0, gt=0)
    soil_sites: int = Field(default=2, ge=0, description="bare soil sites, new or grown")
    land_clearings: int = Field(default=2, ge=0, description="vegetated ground turned to earth")
    net_share: float = Field(default=0.5, ge=0, le=1, description="chance of a net on a soil site")

    vehicles: int = Field(default=15, ge=0)
    trees: int = Field(default=6, ge=0, description="trees grown or felled")
    crop_parcels: int = Field(default=4, ge=0, description="fields whose crop changes colour")
    stockpiles: int = Field(default=4, ge=0)
    clutter: int = Field(default=15, ge=0, description="objects under 10 m2")
    puddles: int = Field(default=3, ge=0)
    laundry: int = Field(default=6, ge=0)
    turn_shadows: bool = Field(
        default=True, description="the earlier survey's building shadows fall elsewhere"
    )

    sun_azimuth_deg: float | None = Field(default=None, description="estimated where None")
    sun_elevation_deg: float | None = Field(default=None, ge=15, le=89)
    light_before: float = Field(default=0.7, ge=0, le=1.5, description="strength of relighting")
    light_after: float = Field(default=0.25, ge=0, le=1.5)
    season_before: float = Field(
        default=0.35, ge=-1, le=1, description="vegetation to yellow (+) or to green (-)"
    )
    jpeg_quality: int | None = Field(default=None, ge=30, le=100, description="drawn where None")

    misalign: MisalignOptions | None = Field(default_factory=MisalignOptions)
    before_gsd_m: float | None = Field(default=None, gt=0, description="as the picture where None")

    with_surfaces: bool = True
    surface_noise_m: float = Field(default=0.06, ge=0)
    surface_offset_m: float = Field(
        default=0.4, ge=0, description="largest height offset of the earlier survey"
    )
    surface_tilt_m: float = Field(
        default=0.3, ge=0, description="largest height error by tilt across the crop"
    )
