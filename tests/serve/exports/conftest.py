"""The made-up city, for exports."""

import pytest

from ..city import City


@pytest.fixture
def city(service):
    return City(service)
