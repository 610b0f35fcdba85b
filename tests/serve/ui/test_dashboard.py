"""The dashboard in the browser: what it counts is what the service counts."""

from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from serve.db.engine import Database
from serve.db.tables import FindingRow, utc_now
from tests.serve.processes import wait_until


@pytest.fixture(scope="module")
def supervising(module_site):
    """A supervisor's page, which the module's tests share."""
    return module_site.page("supervisor", "/dashboard")


@pytest.fixture
def page(supervising, site):
    """That page; what it did wrong fails the test."""
    assert site.faults == []
    return supervising


def figures_of(site, **query):
    return site.api("auditor").get("dashboard", params=query).json()


def tile(page, name):
    return page.locator("dl.tiles > div").filter(has=page.get_by_text(name, exact=True))


def query_of(page):
    return parse_qs(urlsplit(page.url).query)


def test_figures_are_the_services(site, page, axe):
    totals = figures_of(site)["totals"]
    page.goto("/dashboard")
    for name, key in (
        ("Found", "found"), ("Confirmed", "confirmed"), ("Rejected", "rejected"),
        ("Cases made", "filed"), ("Cases closed", "closed"),
    ):  # fmt: skip
        tile(page, name).wait_for()
        assert int(tile(page, name).locator("dd").inner_text()) == totals[key], name
    assert totals["found"] > 0
    assert axe(page) == []


def test_the_span_and_the_kind_are_in_the_address(site, page):
    page.goto("/dashboard")
    page.get_by_role("button", name="Last 7 days").click()
    page.wait_for_url("**/dashboard?days=7")
    page.get_by_role("combobox", name="Kind").select_option("new_structure")
    page.get_by_role("button", name="Table").click()
    rows = page.get_by_role("region", name="Over time").locator("tbody tr")
    # The figures of the month before stay until the week's are there.
    expect(rows).to_have_count(7)
    expected = [row for row in figures_of(site, days=7)["days"] if row["kind"] == "new_structure"]
    found = sum(row["found"] for row in expected)
    assert found > 0
    cells = rows.locator("td:nth-of-type(1)")
    wait_until(lambda: sum(int(cell) for cell in cells.all_inner_texts()) == found, 10)
    assert query_of(page) == {"days": ["7"], "kind": ["new_structure"]}
    page.reload()
    page.get_by_role("button", name="Last 7 days", pressed=True).wait_for()
    assert page.get_by_role("combobox", name="Kind").input_value() == "new_structure"


def test_the_chart_is_gone_through_by_keys(site, page):
    page.goto("/dashboard?days=30")
    chart = page.get_by_role("group", name="Counts over time")
    chart.focus()
    page.keyboard.press("End")
    found = sum(
        row["found"] for row in figures_of(site)["days"] if row["day"] == figures_of(site)["until"]
    )
    told = page.locator(".values")
    expect(told).to_contain_text(f"Found {found}")
    last = told.inner_text()
    page.keyboard.press("ArrowLeft")
    expect(told).not_to_have_text(last, use_inner_text=True)


def test_precision_is_told_with_counts_and_not_from_too_few(site, page):
    page.goto("/dashboard")
    table = page.get_by_role("region", name="Precision as reviewers see it")
    table.get_by_role("row").nth(1).wait_for()
    rows = figures_of(site)["precision"]
    assert rows
    text = table.inner_text()
    for row in rows:
        decided = row["confirmed"] + row["rejected"]
        assert f"{row['confirmed']} / {decided}" in text
        assert decided < 20
    assert text.count("too few") == len(rows)
    assert "%" not in text


def test_a_unit_that_nothing_lies_with_shows_nothing_and_says_so(page, axe):
    page.goto("/dashboard?unit=Nobody")
    page.get_by_text("Nothing in this time").wait_for()
    assert tile(page, "Found").locator("dd").inner_text() == "0"
    assert axe(page) == []


def test_warnings_tell_what_turned_red(site, page):
    client = site.api("supervisor")
    finding = client.get("findings", params={"kind": "new_structure", "limit": 1}).json()["items"][
        0
    ]
    west, south, east, north = finding["bounds"]
    margin = 0.01
    ring = [
        [west - margin, south - margin], [east + margin, south - margin],
        [east + margin, north + margin], [west - margin, north + margin],
        [west - margin, south - margin],
    ]  # fmt: skip
    cell = {
        "type": "Feature",
        "properties": {"code": "440115001", "name": "Jinlong", "unit": "Huangge Town"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    rejected = client.get("findings", params={"state": "rejected", "kind": "new_structure"}).json()
    again = rejected["items"][0]
    client.post(
        f"findings/{again['id']}/undo", json={}, headers={"If-Match": f'"{again["revision"]}"'}
    ).raise_for_status()
    client.post(
        "registers/unit_grid/versions?file_name=grid.geojson",
        json={"type": "FeatureCollection", "features": [cell]},
        headers={"Idempotency-Key": "the grid of this test"},
    ).raise_for_status()
    # The register is applied behind, by a worker, to what nobody decided on.
    two = wait_until(
        lambda: client.get(
            "findings",
            params={"state": "suspected", "kind": "new_structure", "cell": "440115001"},
        ).json()["items"], 30,
    )  # fmt: skip
    assert len(two) == 2
    # The sample's surveys have fixed dates, and warnings fade.
    database = Database(f"sqlite:///{site.folder / 'data' / 'cityeye.sqlite'}")
    with database.write() as session:
        session.execute(
            sa.update(FindingRow)
            .where(FindingRow.id.in_([one["id"] for one in two]))
            .values(last_seen=utc_now())
        )
    database.close()
    chosen = [{"finding_id": one["id"], "revision": one["revision"]} for one in two]
    answer = client.post("reviews/batch", json={"action": "confirm", "items": chosen})
    assert [one["status"] for one in answer.json()["results"]] == [200, 200]
    page.goto("/dashboard")
    warnings = page.get_by_role("region", name="Warnings")
    warnings.get_by_text("Cell Jinlong").first.wait_for()
    (warned,) = client.get("warnings").json()["items"]
    assert warned["colour"].title() in warnings.inner_text()
    assert warned["colour"] == "red"
    assert "→ Red" in warnings.inner_text()


@pytest.mark.parametrize("role", ["operator", "reviewer", "auditor"])
def test_everybody_may_see_it_in_chinese_on_a_phone(site, axe, role):
    page = site.page(role, "/dashboard", language="zh", size=(390, 844))
    page.get_by_role("heading", name="按类别").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    page.context.close()
