"""The classes that CityEye's own data sets and models speak of, in the order models put them."""

from __future__ import annotations

STREET_CLASSES = (
    "person",
    "two_wheeler",
    "car",
    "bus",
    "truck",
    "muck_truck",
    "stall",
    "cart",
    "canopy",
)
"""What the street detector tells apart.

``car`` includes vans and passenger pick-ups; ``muck_truck`` is any open tipper, whatever its load;
``stall`` is goods laid out for sale, ``cart`` a wheeled stall, ``canopy`` any canopy or market
umbrella, with or without goods beneath.
"""

LOAD_STATES = ("empty", "covered", "level", "heaped", "not_visible")
"""States of a muck truck's load; ``level`` and ``heaped`` are uncovered."""
