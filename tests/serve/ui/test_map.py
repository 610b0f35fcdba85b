"""The map in the browser: its list holds what it shows, and leads to each."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from serve.db.engine import Database
from serve.db.tables import FindingRow


@pytest.fixture(scope="module")
def looking(module_site):
    """A reviewer's page, which the module's tests share."""
    return module_site.page("reviewer", "/map")


@pytest.fixture
def page(looking, site):
    """That page; what it did wrong fails the test."""
    assert site.faults == []
    return looking


def items(page):
    return page.get_by_role("region", name="In sight").locator("li button")


def open_map(page, query=""):
    page.goto(f"/map{query}")
    items(page).first.wait_for()
    page.get_by_text("Reading …").wait_for(state="hidden")
    return page


def query_of(page):
    return parse_qs(urlsplit(page.url).query)


def findings_of(site, **query):
    return site.api("auditor").get("findings.geojson", params=query).json()["features"]


def test_the_list_holds_what_the_map_shows(site, page, axe):
    open_map(page)
    placed = [one for one in findings_of(site) if one["geometry"]]
    chosen = page.get_by_role("region", name="In sight").get_by_role("combobox")
    assert f"Findings ({len(placed)})" in chosen.inner_text()
    assert items(page).count() == len(placed)
    assert page.locator(".map canvas").count() > 0
    assert axe(page) == []


def test_layers_and_filters_are_in_the_address(site, page):
    open_map(page)
    page.get_by_role("button", name="Findings").click()
    page.get_by_role("button", name="Cases").click()
    page.wait_for_url(re.compile("layers="))
    assert set(query_of(page)["layers"][0].split(",")) == {
        "cases", "cameras", "sites", "grid", "ortho",
    }  # fmt: skip
    cases = site.api("auditor").get("cases").json()["items"]
    page.get_by_role("region", name="In sight").get_by_text(f"Cases ({len(cases)})").wait_for(
        state="attached"
    )
    open_map(page, "?kind=new_structure")
    expected = [one for one in findings_of(site, kind="new_structure") if one["geometry"]]
    assert items(page).count() == len(expected)


def test_an_item_of_the_list_is_shown_on_a_card_with_its_link(site, page):
    open_map(page)
    items(page).first.focus()
    page.keyboard.press("Enter")
    card = page.get_by_role("link", name="Open the finding")
    card.wait_for()
    finding = card.get_attribute("href").removeprefix("/review/")
    assert query_of(page)["item"] == [f"findings:{finding}"]
    assert site.api("auditor").get(f"findings/{finding}").status_code == 200
    page.reload()
    card.wait_for()
    card.click()
    page.wait_for_url(f"**/review/{finding}")


def test_a_finding_links_to_its_place_on_the_map(site, page):
    finding = next(one["id"] for one in findings_of(site, kind="new_structure") if one["geometry"])
    page.goto(f"/review/{finding}")
    page.get_by_role("link", name="On the map").click()
    page.wait_for_url("**/map?item=findings*")
    assert query_of(page)["item"] == [f"findings:{finding}"]
    link = page.get_by_role("link", name="Open the finding")
    assert link.get_attribute("href") == f"/review/{finding}"
    # Closely: what lies beside it is not in sight.
    page.wait_for_url(re.compile("at="))
    near = items(page).count()
    assert 0 < near < len([one for one in findings_of(site) if one["geometry"]])


def test_a_click_on_the_map_picks_what_lies_there(site, page):
    (camera,) = site.api("auditor").get("cameras").json()["items"]
    open_map(page, f"?layers=cameras&at={camera['location']['lon']},{camera['location']['lat']},1")
    box = page.get_by_role("application").bounding_box()
    # A camera's mark stands aside, so that the findings of its place are seen.
    page.mouse.click(box["x"] + box["width"] / 2 + 15, box["y"] + box["height"] / 2 - 13)
    page.get_by_role("heading", name=camera["name"]).wait_for()
    link = page.get_by_role("link", name="Open the camera")
    assert link.get_attribute("href") == f"/cameras/{camera['id']}"


def test_the_orthophoto_is_read_by_ranges_when_one_looks_closely(site, page):
    (area,) = site.api("auditor").get("sites").json()["items"]
    ring = area["area"]["coordinates"][0]
    lon = sum(at[0] for at in ring) / len(ring)
    lat = sum(at[1] for at in ring) / len(ring)
    with page.expect_response(
        lambda answer: f"/surveys/{area['last_ready_id']}/ortho" in answer.url
    ) as read:
        open_map(page, f"?at={lon},{lat},0.3&layers=sites,ortho")
    assert read.value.status == 206


def test_time_narrows_findings_down_and_is_played(site, page):
    open_map(page)
    every = items(page).count()
    begin = page.get_by_role("slider", name="From")
    begin.focus()
    page.keyboard.press("End")
    page.wait_for_url(re.compile("from="))
    days = {one["properties"]["first_seen"][:10] for one in findings_of(site) if one["geometry"]}
    of_last = [
        one for one in findings_of(site)
        if one["geometry"] and one["properties"]["first_seen"][:10] == max(days)
    ]  # fmt: skip
    assert len(of_last) < every
    expect(items(page)).to_have_count(len(of_last))
    page.reload()
    expect(items(page)).to_have_count(len(of_last))
    page.get_by_role("button", name="All times").click()
    expect(items(page)).to_have_count(every)
    page.get_by_role("button", name="Play").click()
    page.get_by_role("button", name="Pause").wait_for()
    page.get_by_role("button", name="Play").wait_for()


def test_ten_thousand_findings_are_drawn_and_panned(own_site, axe):
    database = Database(f"sqlite:///{own_site.folder / 'data' / 'cityeye.sqlite'}")
    table = FindingRow.__table__
    with database.write() as session:
        row = session.execute(
            sa.select(table).where(table.c.longitude.is_not(None), table.c.geometry.is_(None))
        ).first()
        many = [
            {
                **row._asdict(), "id": f"many{number:08d}",
                "longitude": 113.5 + (number % 100) * 0.0006,
                "latitude": 22.76 + (number // 100) * 0.0006,
            }
            for number in range(10_000)
        ]  # fmt: skip
        session.execute(sa.insert(table), many)
    database.close()
    page = own_site.page("reviewer", "/map?layers=findings")
    page.get_by_text("Reading …").wait_for(state="hidden", timeout=120_000)
    page.get_by_text("Findings (10,0").wait_for(state="attached")
    box = page.get_by_role("application").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] - 300, middle[1] - 100, steps=40)
    page.mouse.up()
    page.wait_for_url(re.compile("at="))
    assert axe(page) == []


def test_the_map_in_chinese_on_a_phone(site, axe):
    page = site.page("auditor", "/map", language="zh", size=(390, 844), dark=True)
    page.get_by_role("region", name="视野内的内容").locator("li button").first.wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    page.context.close()
