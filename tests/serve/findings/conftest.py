"""The made-up city on each kind of database."""

import pytest

from serve.service import Service

from .. import conftest
from ..city import City


@pytest.fixture
def city(service):
    return City(service)


@pytest.fixture
def any_city(tmp_path, any_database_url):
    service = Service(conftest.settings_for(tmp_path, database_url=any_database_url))
    yield City(service)
    service.close()
