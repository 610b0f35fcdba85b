"""The made-up city, for registers."""

import pytest

from serve.api.access import Role
from serve.app import make_app

from .. import conftest
from ..city import City


@pytest.fixture
def city(service):
    return City(service)


@pytest.fixture
def signed_in(city):
    app = make_app(city.service)
    return lambda role: conftest.sign_in(city.service, Role(role), app=app)
