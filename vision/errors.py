"""The errors CityEye raises: one root, and each also the built-in error that it is.

Every message is written for the person who can mend the cause: what was wrong, where, what to do.
"""

from __future__ import annotations


class CityEyeError(Exception):
    """Root of all errors that CityEye raises on purpose."""


class InputError(CityEyeError, ValueError):
    """Something given to CityEye cannot be used; the message says what and how to mend it."""


class BadRaster(InputError):
    """A raster file that cannot be read safely or makes no sense as an orthophoto or DSM."""


class LimitExceeded(InputError):
    """An input is larger than a named limit allows."""


class NoOverlap(InputError):
    """Two inputs share no ground."""


class BadVector(InputError):
    """A vector file (area, permits) that cannot be read or makes no sense."""


class AlignmentFailed(InputError):
    """Two surveys could not be matched to each other."""


class OutputError(CityEyeError, OSError):
    """A result could not be written."""
