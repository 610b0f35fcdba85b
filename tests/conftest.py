"""Settings for all tests."""

from __future__ import annotations

import cv2
import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "cityeye", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("cityeye")


@pytest.fixture(autouse=True, scope="session")
def one_opencv_thread() -> None:
    """Tests run beside each other; OpenCV's own threads would only get in their way."""
    cv2.setNumThreads(1)
