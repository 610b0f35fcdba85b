"""GCJ-02, the shifted coordinates of Chinese map services.

The shift was never published; this is the approximation that everybody uses (Krasovsky 1940
ellipsoid, seven sine terms), good to about a metre inside China. Outside China nothing is shifted.
"""

from __future__ import annotations

import math

_SEMI_MAJOR_M = 6378245.0
_ECCENTRICITY_SQUARED = 0.00669342162296594323
_INVERSE_STEPS = 10
"""Each step of the inverse gains more than two digits; five would do."""


def wgs84_to_gcj02(longitude: float, latitude: float) -> tuple[float, float]:
    """Return a WGS-84 position as GCJ-02, longitude first, degrees."""
    if not is_shifted(longitude, latitude):
        return longitude, latitude
    east, north = _shift(longitude, latitude)
    return longitude + east, latitude + north


def gcj02_to_wgs84(longitude: float, latitude: float) -> tuple[float, float]:
    """Return a GCJ-02 position as WGS-84, longitude first, degrees; the exact inverse."""
    if not is_shifted(longitude, latitude):
        return longitude, latitude
    east, north = longitude, latitude
    for _ in range(_INVERSE_STEPS):
        shifted = wgs84_to_gcj02(east, north)
        east, north = east - (shifted[0] - longitude), north - (shifted[1] - latitude)
    return east, north


def is_shifted(longitude: float, latitude: float) -> bool:
    """Tell whether the shift applies: the customary rectangle around mainland China."""
    return 72.004 <= longitude <= 137.8347 and 0.8293 <= latitude <= 55.8271


def _shift(longitude: float, latitude: float) -> tuple[float, float]:
    x, y = longitude - 105.0, latitude - 35.0
    root = math.sqrt(abs(x))
    common = (20 * math.sin(6 * x * math.pi) + 20 * math.sin(2 * x * math.pi)) * 2 / 3
    north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + common
    north += (20 * math.sin(y * math.pi) + 40 * math.sin(y / 3 * math.pi)) * 2 / 3
    north += (160 * math.sin(y / 12 * math.pi) + 320 * math.sin(y * math.pi / 30)) * 2 / 3
    east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + common
    east += (20 * math.sin(x * math.pi) + 40 * math.sin(x / 3 * math.pi)) * 2 / 3
    east += (150 * math.sin(x / 12 * math.pi) + 300 * math.sin(x / 30 * math.pi)) * 2 / 3
    sine = math.sin(math.radians(latitude))
    magic = 1 - _ECCENTRICITY_SQUARED * sine * sine
    meridian = _SEMI_MAJOR_M * (1 - _ECCENTRICITY_SQUARED) / (magic * math.sqrt(magic))
    parallel = _SEMI_MAJOR_M / math.sqrt(magic) * math.cos(math.radians(latitude))
    return math.degrees(east / parallel), math.degrees(north / meridian)
