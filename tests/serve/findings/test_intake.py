"""Taking findings in: once per sighting, joined where it is the same thing."""

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from serve.db.tables import Case, EvidenceRow, FindingRow, LedgerEntry, Review, Sighting, utc_now
from serve.ledger import FIRST, digest_of

from ..city import MONDAY, file_of, square, surveyed, watched

BOX = (0.1, 0.5, 0.3, 0.8)


def count(city, table):
    with city.service.database.read() as session:
        return session.scalar(sa.select(sa.func.count()).select_from(table))


def row_of(city, finding_id):
    with city.service.database.read() as session:
        return session.get_one(FindingRow, finding_id)


def decide(city, finding_id, state):
    with city.writing() as session:
        row = session.get_one(FindingRow, finding_id)
        row.state, row.decided_by, row.decided_at = state, "rita", utc_now()


def test_the_same_sighting_twice_changes_nothing(any_city):
    finding = surveyed(square(0, 0, 10), area_m2=100.0)
    first = any_city.take(finding, files=[file_of()])
    entries = count(any_city, LedgerEntry)
    second = any_city.take(finding, files=[file_of()])
    assert (first.new, first.joined, second.new, second.joined) == (True, False, False, False)
    assert first.finding_id == second.finding_id == finding.id
    assert (count(any_city, FindingRow), count(any_city, Sighting)) == (1, 1)
    assert count(any_city, EvidenceRow) == 1
    assert count(any_city, LedgerEntry) == entries
    row = row_of(any_city, finding.id)
    assert row.title_zh == "疑似新增建筑物 · 约 100 m²"
    assert row.title_en == "Suspected new structure · about 100 m²"
    assert row.area_m2 == pytest.approx(100, rel=0.01)
    assert 0 < row.risk < 1


def test_a_sighting_that_goes_on_is_updated_and_gets_files_that_are_new(city):
    ongoing = watched(BOX)
    city.take(ongoing, ended=False, files=[file_of(b"1", "scene_start")])
    over = ongoing.model_copy(update={"last_seen": MONDAY + timedelta(hours=1)})
    city.take(over, files=[file_of(b"1", "scene_start"), file_of(b"2", "clip", sealed=True)])
    row = row_of(city, ongoing.id)
    assert row.last_seen == MONDAY + timedelta(hours=1)
    assert row.sightings == 1
    assert count(city, EvidenceRow) == 2
    # What comes late says nothing new.
    city.take(ongoing, ended=False)
    assert row_of(city, ongoing.id).last_seen == MONDAY + timedelta(hours=1)


JOINING = [
    # earlier outline, later outline, later kind, joined
    ("the same", (0, 0, 10), (0, 0, 10), "new_structure", True),
    ("drawn a little elsewhere", (0, 0, 10), (3, 3, 10), "new_structure", True),
    ("grown around the old", (4, 4, 5), (0, 0, 30), "new_structure", True),
    ("beside", (0, 0, 10), (10.5, 0, 10), "new_structure", False),
    ("barely touching", (0, 0, 10), (7, 7, 10), "new_structure", False),
    ("another kind", (0, 0, 10), (0, 0, 10), "dust_hotspot", False),
    ("gone again", (0, 0, 10), (0, 0, 10), "removed_structure", True),
]


@pytest.mark.parametrize(("what", "earlier", "later", "kind", "joined"), JOINING)
def test_survey_findings_join_where_their_outlines_meet(city, what, earlier, later, kind, joined):
    first = city.take(surveyed(square(*earlier)))
    second = city.take(surveyed(square(*later), name="b", kind=kind), comparison=2)
    assert second.joined is joined, what
    assert (second.finding_id == first.finding_id) is joined
    row = row_of(city, first.finding_id)
    assert row.sightings == (2 if joined else 1)
    assert row.kind == "new_structure"


def test_what_was_removed_since_says_so(city):
    first = city.take(surveyed(square(0, 0, 10)))
    before = row_of(city, first.finding_id).risk
    city.take(surveyed(square(0, 0, 10), kind="removed_structure"), comparison=2)
    row = row_of(city, first.finding_id)
    assert [r["code"] for r in row.reasons] == ["seen_again", "removed_since"]
    assert row.risk < before


def test_two_findings_of_one_comparison_stay_two(city):
    first = city.take(surveyed(square(0, 0, 10)))
    second = city.take(surveyed(square(0, 0, 10), name="b"))
    assert second.new
    assert first.finding_id != second.finding_id


def test_the_same_finding_at_another_site_is_another(city):
    finding = surveyed(square(0, 0, 10))
    first = city.take(finding)
    second = city.take(finding, sighting="elsewhere", site="site-2", comparison=3)
    assert second.new
    assert second.finding_id != first.finding_id


REJECTED = [
    ("the same size", 100.0, "rejected", False),
    ("a tenth larger", 110.0, "rejected", False),
    ("a third larger", 133.0, "suspected", True),
]


@pytest.mark.parametrize(("what", "area", "state", "reopened"), REJECTED)
def test_what_was_rejected_comes_back_only_when_it_grew(city, what, area, state, reopened):
    first = city.take(surveyed(square(0, 0, 10), area_m2=100.0))
    decide(city, first.finding_id, "rejected")
    again = city.take(surveyed(square(0, 0, 10), name="b", area_m2=area), comparison=2)
    assert again.joined
    row = row_of(city, first.finding_id)
    assert row.state == state, what
    with city.service.database.read() as session:
        reviews = session.scalars(sa.select(Review)).all()
    assert [r.action for r in reviews] == (["reopen"] if reopened else [])
    if reopened:
        assert reviews[0].detail == {"why": "grown", "measure": "area_m2", "before": 100.0,
                                     "after": area}  # fmt: skip


@pytest.mark.parametrize(("case_state", "joined"), [("handling", True), ("closed", False)])
def test_a_closed_case_takes_no_more_sightings(city, case_state, joined):
    first = city.take(surveyed(square(0, 0, 10)))
    decide(city, first.finding_id, "confirmed")
    with city.writing() as session:
        session.add(
            Case(
                finding_id=first.finding_id, dedupe_key="1", target="t", kind="new_structure",
                event_code="01-01", table_version="1", title_zh="", title_en="", draft={},
                state=case_state,
            )
        )  # fmt: skip
    again = city.take(surveyed(square(0, 0, 10), name="b"), comparison=2)
    assert again.joined is joined


CAMERA = [
    # second box, second plate, hours later, kind, joined
    ("the same box", BOX, None, 1, "illegal_parking", True),
    ("another place", (0.6, 0.5, 0.8, 0.8), None, 1, "illegal_parking", False),
    ("the same vehicle", BOX, "粤A12345", 1, "illegal_parking", True),
    ("another vehicle", BOX, "粤A99999", 1, "illegal_parking", False),
    ("the next day", BOX, None, 15, "illegal_parking", False),
    ("another kind", BOX, None, 1, "street_vending", False),
]


@pytest.mark.parametrize(("what", "box", "plate", "hours", "kind", "joined"), CAMERA)
def test_camera_findings_join_within_the_day(city, what, box, plate, hours, kind, joined):
    city.take(watched(BOX, plate="粤A12345"))
    later = MONDAY + timedelta(hours=hours)
    second = city.take(watched(box, name="b", plate=plate, at=later, kind=kind))
    assert second.joined is joined, what


@pytest.mark.parametrize(
    ("plates", "joined"),
    [((None, None), False), (("粤A12345", None), False), (("粤A12345", "粤A12345"), True)],
)
def test_trucks_at_a_gate_are_told_apart_by_their_plates_only(city, plates, joined):
    kind = "muck_truck_overload"
    city.take(watched(BOX, kind=kind, plate=plates[0]))
    second = city.take(watched(BOX, name="b", kind=kind, plate=plates[1]))
    assert second.joined is joined


def test_what_was_rejected_says_nothing_of_the_next_vehicle(city):
    first = city.take(watched(BOX))
    decide(city, first.finding_id, "rejected")
    assert city.take(watched(BOX, name="b", at=MONDAY + timedelta(hours=1))).new


def test_takers_at_once_make_one_finding_and_one_chain(any_city):
    """Four comparisons flag the same thing at the same moment."""
    taken, errors = [], []

    def work(number):
        try:
            finding = surveyed(square(0, 0, 10), name=f"n{number}")
            taken.append(any_city.take(finding, sighting=f"s-{number}", comparison=1 + number % 3))
        except Exception as error:
            errors.append(error)

    any_city.take(surveyed(square(500, 0, 10), name="far"), comparison=1)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert sum(t.new for t in taken) == 1
    assert len({t.finding_id for t in taken}) == 1
    with any_city.service.database.read() as session:
        entries = session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.number)).all()
    previous = FIRST
    for number, entry in enumerate(entries, 1):
        assert (entry.number, entry.previous_sha256) == (number, previous)
        assert entry.sha256 == digest_of(entry)
        previous = entry.sha256


def test_a_transaction_that_fails_leaves_nothing_in_the_ledger(city):
    with pytest.raises(ZeroDivisionError), city.writing() as session:
        from serve.findings.intake import Origin, take

        finding = surveyed(square(0, 0, 10))
        take(session, finding, sighting_id="s", origin=Origin(site_id="site-1"), files=(),
             settings=city.service.settings)  # fmt: skip
        raise ZeroDivisionError
    assert count(city, FindingRow) == count(city, LedgerEntry) == 0
