"""Positions in the form that a case system asks for."""

from __future__ import annotations

from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field
from pyproj import Transformer

from serve.cases.targets import CoordinateForm
from serve.findings.coordinates import wgs84_to_gcj02

_FIRST_MERIDIAN, _LAST_MERIDIAN = 75, 135
_FIRST_ZONE_EPSG = 4534
"""CGCS2000 in 3-degree Gauss-Krüger zones without zone number, EPSG:4534 at 75° E onwards."""


class AskedPosition(BaseModel):
    """A position in some form; its fields name their axes, as x and y differ by country."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: CoordinateForm
    crs: str = Field(max_length=40, description="EPSG code, or GCJ-02, which has none")
    longitude: float | None = Field(None, description="degrees")
    latitude: float | None = Field(None, description="degrees")
    easting_m: float | None = Field(None, description="metres, false easting 500 km")
    northing_m: float | None = Field(None, description="metres")


def asked_position(longitude: float, latitude: float, form: CoordinateForm) -> AskedPosition:
    """Return a WGS-84 position in another form.

    Outside the zones of Gauss-Krüger (73.5° to 136.5° E) degrees are given instead of metres.
    """
    if form is CoordinateForm.GCJ02:
        east, north = wgs84_to_gcj02(longitude, latitude)
        return _degrees(form, "GCJ-02", east, north)
    if form is CoordinateForm.CGCS2000_GAUSS_KRUEGER:
        meridian = round(longitude / 3) * 3
        if _FIRST_MERIDIAN <= meridian <= _LAST_MERIDIAN:
            epsg = _FIRST_ZONE_EPSG + (meridian - _FIRST_MERIDIAN) // 3
            easting, northing = _transformer(epsg).transform(longitude, latitude)
            return AskedPosition(
                form=form, crs=f"EPSG:{epsg}", easting_m=round(easting, 2),
                northing_m=round(northing, 2),
            )  # fmt: skip
    if form is CoordinateForm.WGS84:
        return _degrees(form, "EPSG:4326", longitude, latitude)
    # CGCS2000 and WGS-84 differ by centimetres; EPSG gives no shift between them.
    east, north = _transformer(4490).transform(longitude, latitude)
    return _degrees(CoordinateForm.CGCS2000, "EPSG:4490", east, north)


def _degrees(form: CoordinateForm, crs: str, longitude: float, latitude: float) -> AskedPosition:
    return AskedPosition(
        form=form, crs=crs, longitude=round(longitude, 7), latitude=round(latitude, 7)
    )


@lru_cache(maxsize=32)
def _transformer(epsg: int) -> Transformer:
    return Transformer.from_crs(4326, epsg, always_xy=True)
