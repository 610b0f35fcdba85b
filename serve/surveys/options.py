"""Options of a comparison: a site's defaults, and what one comparison asks for."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vision.survey.comparison import CompareOptions
from vision.survey.limits import RasterLimits


class ComparisonOptions(BaseModel):
    """What may be asked of a comparison; what is left out is as for the site, else the default."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    working_gsd_m: float | None = Field(
        None, ge=0.02, le=2.0, description="working pixel size, m; coarser where a survey is"
    )
    min_area_m2: float | None = Field(None, ge=0.1, le=1e6, description="smallest structure, m²")
    min_height_m: float | None = Field(
        None, ge=0.1, le=1000, description="least new height, m, where both surveys have a DSM"
    )
    min_dust_area_m2: float | None = Field(
        None, ge=0.1, le=1e6, description="smallest dust hotspot, m²"
    )
    min_clearing_area_m2: float | None = Field(
        None, ge=0.1, le=1e6, description="smallest land clearing, m²"
    )
    min_score: float | None = Field(None, ge=0, le=1, description="least score of a finding")
    max_shift_m: float | None = Field(
        None, gt=0, le=500, description="largest shift between the surveys, m"
    )
    max_residual_px: float | None = Field(
        None, gt=0, le=100, description="residual beyond which surveys count as not matched"
    )
    force_alignment: bool | None = Field(
        None, description="compare as georeferenced where the surveys cannot be matched"
    )
    permit_date: date | None = Field(
        None, description="date permits must be valid on; default: when the later one was flown"
    )
    learned: bool | None = Field(None, description="let the learned change model have its say")
    within_area: bool | None = Field(None, description="look only inside the site's area")

    def given(self) -> dict[str, Any]:
        """Return what was asked for, as JSON holds it."""
        return self.model_dump(mode="json", exclude_none=True)


_OURS = ("learned", "within_area")


def for_vision(options: dict[str, Any], limits: RasterLimits) -> CompareOptions:
    """Return the options as the comparison takes them."""
    values = {name: value for name, value in options.items() if name not in _OURS}
    return CompareOptions.model_validate(values | {"limits": limits})
