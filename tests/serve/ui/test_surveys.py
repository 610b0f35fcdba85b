"""The survey pages: sites, uploads that break off in every way, comparisons, two dates."""

import hashlib
import json
import re

import pytest
from playwright.sync_api import expect

from tests.serve.processes import wait_until
from tests.serve.surveys.flying import make_site, wait_for, write_ortho

LONG_MS = 180_000
SIDE_PX = 2600
"""Of an uncompressed orthophoto of 20 MB: three requests, none of which passes unseen."""
SLOW_BYTES_S = 3_000_000
RING = [[113.5, 22.7], [113.6, 22.7], [113.6, 22.8], [113.5, 22.7]]
AREA = {"type": "Polygon", "coordinates": [RING]}


@pytest.fixture(scope="module")
def large(tmp_path_factory):
    """A large orthophoto of a day."""
    return write_ortho(tmp_path_factory.mktemp("large") / "river-2026-05-01.tif", size=SIDE_PX)


def slow_down(page, bytes_s=SLOW_BYTES_S):
    """Let a page's network send no more than so much; returns what lifts that."""
    network = page.context.new_cdp_session(page)
    limits = {"offline": False, "latency": 5, "downloadThroughput": -1}
    network.send("Network.enable")
    network.send("Network.emulateNetworkConditions", {**limits, "uploadThroughput": bytes_s})
    return lambda: network.send(
        "Network.emulateNetworkConditions", {**limits, "uploadThroughput": -1}
    )


def begin(page, site_id, file, *, day=None):
    """Choose a file for a new survey and send it."""
    page.goto(f"/surveys/{site_id}")
    page.get_by_role("button", name="New survey").first.click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_text("Your upload space").wait_for()
    dialog.locator("input[type=file]").first.set_input_files(file)
    if day:
        dialog.get_by_label("Flown at").fill(f"{day}T10:00")
    return dialog


def sent_share(page, file):
    bar = page.get_by_role("progressbar", name=file.name)
    return int(bar.get_attribute("aria-valuenow"))


def wait_until_sent(page, file, tens):
    """Wait until so many tenths of a file are sent."""
    bar = page.get_by_role("progressbar", name=file.name)
    at_least = re.compile(rf"^([{tens}-9]\d|100)$")
    expect(bar).to_have_attribute("aria-valuenow", at_least, timeout=LONG_MS)


def uploaded_whole(site, site_id, file):
    """The survey that was made of what was sent, which must be the file to the last byte."""
    client = site.api("operator")
    (survey,) = client.get(f"sites/{site_id}/surveys").json()["items"]
    survey = wait_for(client, f"surveys/{survey['id']}", timeout_s=180)
    assert survey["state"] == "ready", survey["problem"]
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert survey["facts"]["ortho"]["upload_sha256"] == digest
    return survey


def test_a_site_is_made_changed_and_deleted(site, axe):
    page = site.page("operator", "/surveys")
    page.get_by_role("button", name="New site").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("River bank")
    dialog.get_by_label("GeoJSON").fill("{")
    dialog.get_by_text("No polygon can be read here").wait_for()
    assert dialog.get_by_role("button", name="Save").is_disabled()
    feature = {"type": "Feature", "geometry": AREA}
    collection = {"type": "FeatureCollection", "features": [feature]}
    dialog.get_by_label("GeoJSON").fill(json.dumps(collection))
    dialog.get_by_text("about").wait_for()
    dialog.get_by_text("Options of comparisons").click()
    dialog.get_by_label("Smallest structure").fill("25")
    assert axe(page) == []
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="River bank").wait_for()
    site_id = page.url.rsplit("/", 1)[1]
    client = site.api("operator")
    made = client.get(f"sites/{site_id}").json()
    assert made["area"] == AREA
    assert made["options"] == {"min_area_m2": 25}

    # Somebody else was faster: it says so, and what was typed stays.
    page.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Name").fill("River bank, north")
    client.patch(f"sites/{site_id}", json={"description": "x"}, headers={"If-Match": "*"})
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_text("Somebody else changed this meanwhile").wait_for()
    assert dialog.get_by_label("Name").input_value() == "River bank, north"
    page.reload()
    page.get_by_role("button", name="Edit").click()
    dialog.get_by_label("Name").fill("River bank, north")
    dialog.get_by_role("button", name="Clear").click()
    dialog.get_by_role("button", name="Save").click()
    page.get_by_role("heading", name="River bank, north").wait_for()
    assert client.get(f"sites/{site_id}").json()["area"] is None

    page.get_by_role("button", name="Delete").click()
    dialog.get_by_role("button", name="Delete").click()
    page.wait_for_url("**/surveys")
    assert client.get(f"sites/{site_id}").status_code == 404


def test_an_upload_outlives_the_service_being_killed(own_site, large, axe):
    site_id = make_site(own_site.api("operator"))
    page = own_site.page("operator")
    dialog = begin(page, site_id, large)
    # The day is read from the file's name.
    assert dialog.get_by_label("Flown at").input_value() == "2026-05-01T12:00"
    assert axe(page) == []
    at_full_speed = slow_down(page)
    dialog.get_by_role("button", name="Upload").click()
    wait_until_sent(page, large, 5)
    own_site.stop(kill=True)
    page.get_by_text("connection lost, trying again").wait_for(timeout=LONG_MS)
    at_full_speed()
    own_site.start()
    page.locator("li[data-state=ready]").wait_for(timeout=LONG_MS)
    uploaded_whole(own_site, site_id, large)
    assert own_site.api("operator").get("uploads").json()["items"] == []


def test_an_upload_goes_on_after_the_browser_was_closed(site, large, tmp_path):
    client = site.api("operator")
    site_id = make_site(client)
    page = site.page("operator")
    dialog = begin(page, site_id, large)
    slow_down(page)
    dialog.get_by_role("button", name="Upload").click()
    wait_until_sent(page, large, 5)
    page.context.close()
    kept = client.get("uploads").json()["items"][0]
    assert 0 < kept["offset_bytes"] < kept["length_bytes"]

    page = site.page("operator")
    # Another file of the same name and size is another file: nothing of it is put to the first.
    other = tmp_path / large.name
    content = bytearray(large.read_bytes())
    content[len(content) // 8] ^= 1
    other.write_bytes(content)
    dialog = begin(page, site_id, other)
    at_full_speed = slow_down(page)
    dialog.get_by_role("button", name="Upload").click()
    page.locator("li[data-state=sending]").wait_for(timeout=LONG_MS)
    assert page.get_by_text("gone on with at").count() == 0
    page.get_by_role("button", name="Give up").click()
    page.get_by_role("dialog").get_by_role("button", name="Give up").click()
    page.locator("section[aria-label=Uploads]").wait_for(state="detached")
    at_full_speed()

    unfinished = page.locator("section[aria-label='Unfinished uploads'] li")
    unfinished.filter(has_text=large.name).first.wait_for()
    dialog = begin(page, site_id, large)
    dialog.get_by_text("lies at the service; it is checked and gone on with").wait_for()
    at_full_speed = slow_down(page)
    dialog.get_by_role("button", name="Upload").click()
    page.get_by_text(re.compile(r"gone on with at [\d.]+ MB")).wait_for(timeout=LONG_MS)
    assert sent_share(page, large) >= 100 * kept["offset_bytes"] // kept["length_bytes"]
    at_full_speed()
    page.locator("li[data-state=ready]").wait_for(timeout=LONG_MS)
    uploaded_whole(site, site_id, large)


def test_an_upload_is_paused_gone_on_with_and_not_left_by_mistake(site, large, axe):
    site_id = make_site(site.api("operator"))
    page = site.page("operator")
    dialog = begin(page, site_id, large, day="2026-05-02")
    at_full_speed = slow_down(page)
    dialog.get_by_role("button", name="Upload").click()
    wait_until_sent(page, large, 2)
    # Other pages may be looked at meanwhile, the window not be closed unasked.
    page.get_by_role("link", name="Map").click()
    page.wait_for_url("**/map*")
    page.get_by_role("link", name="Surveys").click()
    asked = []
    page.once("dialog", lambda question: (asked.append(question.type), question.dismiss()))
    page.close(run_before_unload=True)
    page.get_by_role("button", name="Pause", exact=True).click()
    assert asked == ["beforeunload"]
    page.locator("li[data-state=paused]").wait_for()
    assert axe(page) == []
    held = sent_share(page, large)
    at_full_speed()
    page.get_by_role("button", name="Go on", exact=True).click()
    page.locator("section[aria-label=Uploads]").wait_for(state="detached", timeout=LONG_MS)
    assert 20 <= held < 100
    survey = uploaded_whole(site, site_id, large)
    assert survey["flown_at"].startswith("2026-05-02")


def test_files_that_cannot_be_used_are_told(site, tmp_path):
    site_id = make_site(site.api("operator"))
    page = site.page("operator")
    bad = tmp_path / "not-a-picture.tif"
    bad.write_bytes(b"II*\0" + bytes(4000))
    dialog = begin(page, site_id, bad)
    dialog.get_by_role("button", name="Upload").click()
    assert dialog.get_by_label("Flown at").evaluate("field => !field.validity.valid")
    dialog.get_by_label("Flown at").fill("2026-05-03T10:00")
    dialog.get_by_role("button", name="Upload").click()
    refused = page.locator("li[data-state=refused]")
    refused.wait_for(timeout=LONG_MS)
    told = site.api("operator").get(f"sites/{site_id}/surveys").json()["items"][0]["problem"]
    assert told in refused.inner_text()
    refused.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.get_by_text("No surveys yet").wait_for()


@pytest.fixture
def village(site):
    """The sample's site, its surveys and its comparison."""
    client = site.api("auditor")
    (found,) = [
        each for each in client.get("sites").json()["items"] if each["name"] == "Sample village"
    ]
    surveys = client.get(f"sites/{found['id']}/surveys").json()["items"]
    (comparison,) = [
        each
        for each in client.get(f"sites/{found['id']}/comparisons").json()["items"]
        if each["state"] == "done"
    ]
    return found["id"], surveys, comparison


def test_two_dates_are_compared_freely(site, village, axe):
    site_id, (late, early), _ = village
    page = site.page("operator", f"/surveys/{site_id}")
    boxes = page.get_by_role("checkbox")
    expect(boxes).to_have_count(2)
    for box in boxes.all():
        box.check()
    page.get_by_role("button", name="Compare", exact=True).click()
    dialog = page.get_by_role("dialog")
    assert dialog.get_by_label("Before").input_value() == early["id"]
    dialog.get_by_label("Before").select_option(late["id"])
    dialog.get_by_text("Before must have been flown earlier").wait_for()
    assert dialog.get_by_role("button", name="Compare").is_disabled()
    dialog.get_by_label("Before").select_option(early["id"])
    dialog.get_by_text("Options", exact=True).click()
    dialog.get_by_label("Least score").fill("0.9")
    assert axe(page) == []
    dialog.get_by_role("button", name="Compare").click()
    page.wait_for_url("**/comparisons/*")
    comparison_id = page.url.rsplit("/", 1)[1]
    made = site.api("operator").get(f"comparisons/{comparison_id}").json()
    assert (made["before_id"], made["after_id"]) == (early["id"], late["id"])
    assert made["options"] == {"min_score": 0.9}
    page.get_by_role("progressbar").wait_for()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_text("The comparison was cancelled.").wait_for()
    page.goto(f"/surveys/{site_id}/comparisons")
    page.locator(f"tr[data-comparison='{comparison_id}'][data-state=cancelled]").wait_for()


def test_a_result_is_told_with_its_alignment(site, village, axe):
    site_id, _, comparison = village
    page = site.page("auditor", f"/surveys/{site_id}/comparisons/{comparison['id']}")
    counts = comparison["result"]["findings"]
    for kind, count in counts.items():
        link = page.locator(f"a[href*='kind={kind}']")
        assert link.locator("strong").inner_text() == str(count)
        assert f"site_id={site_id}" in link.get_attribute("href")
    alignment = comparison["result"]["alignment"]
    drawn = page.locator("section[aria-label=Alignment] circle")
    drawn.first.wait_for()
    assert drawn.count() == alignment["tie_points_kept"]
    crosses = page.locator("section[aria-label=Alignment] path.rejected")
    assert crosses.count() == alignment["tie_points_tried"] - alignment["tie_points_kept"]
    assert f"{alignment['residual_rmse_m'] * 100:.1f} cm" in page.locator("dl").last.inner_text()
    report = page.get_by_role("link", name="Open the report").get_attribute("href")
    assert page.context.request.get(report).headers["content-type"].startswith("text/html")
    assert axe(page) == []


def colours_at(page, share):
    """How many colours are drawn in a strip of the map, at a share of its width."""
    return page.evaluate(
        """share => {
          const canvas = document.querySelector('.map canvas');
          if (!canvas) return 0;
          const at = Math.round(share * canvas.width);
          const { data } = canvas.getContext('2d').getImageData(at, canvas.height * 0.4, 8, 60);
          const seen = new Set();
          for (let i = 0; i < data.length; i += 4) {
            if (data[i + 3]) seen.add(data.slice(i, i + 3).join());
          }
          return seen.size;
        }""",
        share,
    )


def test_two_dates_lie_on_each_other_and_the_line_moves(site, village, axe):
    site_id, (late, early), comparison = village
    page = site.page("reviewer", f"/surveys/{site_id}/view?before={early['id']}&after={late['id']}")
    line = page.get_by_role("slider", name=re.compile("Dividing line"))
    line.wait_for(timeout=LONG_MS)
    drawn = """() => {
          const canvas = document.querySelector('.map canvas');
          if (!canvas?.width) return false;
          const [x, y] = [canvas.width / 2 - 20, canvas.height / 2];
          const { data } = canvas.getContext('2d').getImageData(x, y, 40, 1);
          return data[3] === 255 && data[data.length - 1] === 255;
        }"""
    # From outside: what waits within the page is evaluated there, which its policy refuses.
    wait_until(lambda: page.evaluate(drawn), LONG_MS / 1000)
    assert colours_at(page, 0.45) > 10
    assert colours_at(page, 0.55) > 10
    line.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("PageUp")
    assert line.get_attribute("aria-valuenow") == "62"
    page.keyboard.press("End")
    assert line.get_attribute("aria-valuenow") == "100"
    page.get_by_label("Overlay").select_option("change")
    page.get_by_text("Change probability").last.wait_for()
    page.wait_for_url("**layer=change*")
    page.get_by_label("Overlay").select_option("heights")
    page.get_by_text("m higher").wait_for(timeout=LONG_MS)
    assert axe(page) == []
    page.get_by_role("link", name="Result of comparing the two").click()
    page.wait_for_url(f"**/comparisons/{comparison['id']}")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_pages_are_sound_narrow_and_in_both_languages(site, village, axe, language):
    site_id, _, comparison = village
    page = site.page("operator", language=language, dark=language == "zh", size=(390, 844))
    paths = (
        "",
        f"/{site_id}",
        f"/{site_id}/comparisons",
        f"/{site_id}/comparisons/{comparison['id']}",
    )
    for path in paths:
        page.goto(f"/surveys{path}")
        page.locator("h2, a.card, table").first.wait_for()
        assert axe(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
    words = page.locator("main").inner_text()
    assert ("配准" in words) == (language == "zh")


def test_readers_see_and_change_nothing(site, village):
    site_id, _, _ = village
    page = site.page("auditor", f"/surveys/{site_id}")
    page.locator("li[data-state=ready]").first.wait_for()
    for name in ("New survey", "Edit", "Delete"):
        assert page.get_by_role("button", name=name).count() == 0
