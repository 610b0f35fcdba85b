"""The event table that counts here."""

import pytest
import yaml

from serve.cases.event_table import SHIPPED
from serve.service import Service
from tests.serve.conftest import settings_for, sign_in
from vision.finding import FindingKind


def test_everybody_reads_the_shipped_table(browser):
    answer = browser("reviewer").get("event-table")
    assert answer.status_code == 200
    assert answer.json()["shipped"] is True
    kinds = answer.json()["table"]["kinds"]
    assert set(kinds) == set(FindingKind)
    assert kinds["new_structure"]["limit"]["working_hours"] == 4


@pytest.mark.parametrize("broken", [False, True])
def test_a_city_reads_its_own(tmp_path, broken):
    document = yaml.safe_load(SHIPPED.read_text())
    document["version"] = "city-7"
    document["kinds"]["illegal_parking"]["code"] = "77-1"
    file = tmp_path / "events.yaml"
    file.write_text("kinds: {}" if broken else yaml.safe_dump(document, allow_unicode=True))
    service = Service(settings_for(tmp_path, event_table_file=file))
    try:
        got = sign_in(service, "admin").get("event-table")
        if broken:
            assert got.status_code == 422
            assert "events.yaml" in got.json()["detail"]
            return
        answer = got.json()
        assert answer["shipped"] is False
        assert answer["table"]["version"] == "city-7"
        assert answer["table"]["kinds"]["illegal_parking"]["code"] == "77-1"
    finally:
        service.close()
