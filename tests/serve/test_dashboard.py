"""The dashboard's counts: right beside a plain count, from indexes alone, on both databases."""

import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from serve.api.access import Role
from serve.app import make_app
from serve.dashboard import Stretch, count_by_day, count_by_kind, count_by_model, count_by_unit
from serve.dashboard import units_of as units_in
from serve.db.engine import Database
from serve.db.migrate import upgrade
from serve.db.tables import Case, FindingRow, utc_now
from serve.findings.filters import State
from vision.finding import FindingKind, ModelRef

from .city import City, square, surveyed
from .conftest import sign_in

# Berlin put its clocks back on 25 October 2026: that day has 25 hours.
BERLIN = ZoneInfo("Europe/Berlin")
STRETCH = Stretch(date(2026, 10, 20), date(2026, 10, 30), BERLIN)
UNITS = ["North office", "South office", "Übersee 办事处", None]
MODELS = [("street", "1.0"), ("street", "1.1"), ("change", "2"), (None, None)]
ROWS = 2_000


def made_rows():
    dice = random.Random(3)  # noqa: S311
    for number in range(ROWS):
        # Some before the first day, some after the last.
        at = datetime(2026, 10, 19, tzinfo=UTC) + timedelta(seconds=dice.randrange(13 * 86_400))
        state = dice.choice(list(State)).value
        name, version = dice.choice(MODELS)
        yield {
            "id": f"{number:020x}", "kind": dice.choice(list(FindingKind)).value, "state": state,
            "score": 0.5, "risk": 0.5, "title_zh": "", "title_en": "", "document": {},
            "created_at": at, "unit": dice.choice(UNITS),
            "decided_at": None if state == "suspected" else at + timedelta(hours=dice.random() * 9),
            "model_name": name, "model_version": version,
        }  # fmt: skip


def case_of(row):
    """A case for some of what was confirmed; most are closed."""
    number = int(row["id"], 16)
    state = ("closed", "closed", "handling")[number % 3]
    closed = row["decided_at"] + timedelta(hours=number % 50) if state == "closed" else None
    return {
        "id": f"case-{number}", "finding_id": row["id"], "dedupe_key": f"{number}", "target": "t",
        "kind": row["kind"], "event_code": "1", "table_version": "1", "title_zh": "",
        "title_en": "", "draft": {}, "state": state, "unit": row["unit"], "closed_at": closed,
    }  # fmt: skip


@pytest.fixture(scope="module")
def made():
    rows = list(made_rows())
    return rows, [case_of(row) for row in rows if row["state"] == "confirmed"]


@pytest.fixture
def session(any_database_url, tmp_path, made):
    database = Database(any_database_url or f"sqlite:///{tmp_path / 'x.sqlite'}")
    upgrade(database)
    with database.write() as writing:
        writing.execute(sa.insert(FindingRow), made[0])
        writing.execute(sa.insert(Case), made[1])
    with database.read() as reading:
        yield reading
    database.close()


def plainly(made):
    """Yield what is counted: its name, its day in Berlin, its kind, and its unit."""
    findings, cases = made
    seen = [("found", row["created_at"], row) for row in findings]
    seen += [
        (row["state"], row["decided_at"], row)
        for row in findings
        if row["state"] in ("confirmed", "rejected")
    ]
    seen += [("closed", row["closed_at"], row) for row in cases if row["closed_at"]]
    for name, at, row in seen:
        yield name, at.astimezone(BERLIN).date(), row["kind"], row["unit"]


def nonzero(rows):
    return Counter({(name, *key): n for *key, of in rows for name, n in of.items() if n})


@pytest.mark.parametrize("unit", [None, "South office", "nobody's"])
def test_days_are_the_citys_also_when_clocks_change(session, made, unit):
    wanted = Counter(
        (name, day, kind)
        for name, day, kind, of in plainly(made)
        if STRETCH.first <= day <= STRETCH.last and unit in (None, of)
    )
    assert nonzero(count_by_day(session, STRETCH, unit)) == wanted
    assert bool(wanted) == (unit != "nobody's")


def test_units_are_counted_over_all_days(session, made):
    units = units_in(session)
    assert units == sorted(unit for unit in UNITS if unit)
    wanted = Counter(
        (name, unit, kind)
        for name, day, kind, unit in plainly(made)
        if day >= STRETCH.first and unit is not None
    )
    assert nonzero(count_by_unit(session, STRETCH, units)) == wanted
    assert list(count_by_unit(session, STRETCH, [])) == []


@pytest.mark.parametrize("unit", [None, "South office"])
def test_decisions_are_counted_by_version_of_the_model(session, made, unit):
    wanted = Counter(
        (row["kind"], row["model_name"], row["model_version"], row["state"])
        for row in made[0]
        if row["state"] in ("confirmed", "rejected")
        and row["decided_at"] >= STRETCH.start and unit in (None, row["unit"])
    )  # fmt: skip
    found = count_by_model(session, STRETCH, unit)
    assert wanted == Counter(
        {
            (of.kind, of.model, of.version, state): count
            for of in found
            for state, count in (("confirmed", of.confirmed), ("rejected", of.rejected))
            if count
        }
    )
    assert len({(of.kind, of.model, of.version) for of in found}) == len(found)


def test_kinds_are_counted_in_the_states_asked_for(session, made):
    wanted = Counter((row["kind"], row["state"]) for row in made[0])
    assert {(kind, state): n for kind, state, n in count_by_kind(session)} == wanted
    waiting = {kind: n for kind, _, n in count_by_kind(session, [State.SUSPECTED])}
    assert waiting == {kind: n for (kind, state), n in wanted.items() if state == "suspected"}


def test_every_count_is_a_stretch_of_an_index(session):
    if session.get_bind().dialect.name != "sqlite":
        pytest.skip("so few rows are not worth an index to PostgreSQL's planner")
    asked = []

    def note(connection, cursor, statement, parameters, *_):  # noqa: ARG001
        asked.append((statement, parameters))

    sa.event.listen(session.get_bind(), "before_cursor_execute", note)
    for unit in (None, "South office"):
        list(count_by_day(session, STRETCH, unit))
        count_by_model(session, STRETCH, unit)
    list(count_by_unit(session, STRETCH, units_in(session)))
    list(count_by_kind(session))
    sa.event.remove(session.get_bind(), "before_cursor_execute", note)
    connection = session.connection()
    for statement, parameters in asked:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        for step in (row.detail for row in plan):
            if "findings" in step or "cases" in step:
                assert step.startswith("SEARCH"), (step, statement)
                assert "COVERING INDEX" in step, (step, statement)


def test_a_finding_names_the_model_of_its_newest_sighting(service):
    city = City(service)
    models = [ModelRef(name="change", version=str(n), sha256="0" * 64) for n in (1, 2)]
    first = surveyed(square(0, 0, 20)).model_copy(update={"model": models[0]})
    taken = city.take(first)
    again = surveyed(square(1, 0, 20), name="b").model_copy(update={"model": models[1]})
    assert city.take(again, comparison=2).finding_id == taken.finding_id
    with service.database.write() as session:
        row = session.get(FindingRow, taken.finding_id)
        assert (row.model_name, row.model_version) == ("change", "2")
        row.state, row.decided_at = "confirmed", utc_now()
    seen = sign_in(service, Role.AUDITOR, app=make_app(service)).get("dashboard").json()
    assert seen["precision"] == [
        {"kind": "new_structure", "model": "change", "version": "2", "confirmed": 1,
         "rejected": 0, "precision": 1.0}
    ]  # fmt: skip
