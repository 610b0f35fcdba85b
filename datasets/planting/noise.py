"""Seeded smooth random fields."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Field = NDArray[np.float32]


def smooth_field(rng: np.random.Generator, shape: tuple[int, int], wavelength_px: float) -> Field:
    """Return a smooth random field with zero mean and unit deviation.

    Args:
        rng: source of randomness.
        shape: (rows, cols).
        wavelength_px: rough distance between two crests.

    Returns:
        float32, ``shape``.
    """
    rows, cols = shape
    step = max(1.0, wavelength_px / 2.0)
    small = (int(np.ceil(rows / step)) + 4, int(np.ceil(cols / step)) + 4)
    lattice = rng.standard_normal(small).astype(np.float32)
    if step <= 1.0:
        return lattice[:rows, :cols]
    grown = cv2.resize(
        lattice,
        (round(small[1] * step), round(small[0] * step)),
        interpolation=cv2.INTER_CUBIC,
    )
    top = int(rng.integers(0, max(1, grown.shape[0] - rows)))
    left = int(rng.integers(0, max(1, grown.shape[1] - cols)))
    field = grown[top : top + rows, left : left + cols]
    # Interpolation between lattice points lowers the deviation; 0.66 is what cubic leaves of it.
    return np.asarray(field / 0.66, np.float32)


def rough_field(
    rng: np.random.Generator,
    shape: tuple[int, int],
    wavelength_px: float,
    *,
    octaves: int = 4,
    gain: float = 0.55,
) -> Field:
    """Return a sum of smooth fields, each of half the wavelength and ``gain`` of the height.

    Returns:
        float32, ``shape``, about zero mean and unit deviation.
    """
    total = np.zeros(shape, np.float32)
    weight, power = 1.0, 0.0
    for _ in range(octaves):
        total += np.float32(weight) * smooth_field(rng, shape, wavelength_px)
        power += weight**2
        weight *= gain
        wavelength_px /= 2.0
        if wavelength_px < 1.0:
            break
    return total / np.float32(np.sqrt(power))


def blur(values: Field, sigma_px: float) -> Field:
    """Return ``values`` under a Gaussian of ``sigma_px``; unchanged where it is next to nothing."""
    if sigma_px < 0.15:
        return values
    return np.asarray(
        cv2.GaussianBlur(values, (0, 0), sigma_px, borderType=cv2.BORDER_REPLICATE), np.float32
    )
