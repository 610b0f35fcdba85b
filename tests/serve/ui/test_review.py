"""The review page: each key, decisions saved behind, taking back, many at once, two at once."""

import re
import time

import pytest
import sqlalchemy as sa

from serve.db.engine import Database
from serve.db.tables import Case, CaseEvent, FindingRow, OutboxEntry, Review

# The playwright module is imported by the fixture; its expectations wait by themselves.
expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect
# A busy machine is no fault.
expect.set_options(timeout=60_000)

SURVEY = "new_structure"
WAITING = "/api/v1/reviews/claims"


@pytest.fixture(autouse=True)
def _waiting(request):
    """Every test begins with all findings waiting and nobody holding any."""
    name = next((n for n in ("site", "own_site") if n in request.fixturenames), None)
    if name is not None:
        reset(request.getfixturevalue(name))


def reset(site):
    database = Database(f"sqlite:///{site.folder / 'data' / 'cityeye.sqlite'}")
    with database.write() as session:
        for table in (OutboxEntry, CaseEvent, Case, Review):
            session.execute(sa.delete(table))
        session.execute(
            sa.update(FindingRow).values(
                state="suspected", decided_by=None, decided_at=None, reject_reason=None,
                claimed_by=None, claimed_until=None,
            )
        )  # fmt: skip
    database.close()


CLIENTS = {}


def signed_in(site, role):
    """A client of the API that is kept: signing in takes its time, on purpose."""
    if (site.address, role) not in CLIENTS:
        CLIENTS[site.address, role] = site.api(role)
    return CLIENTS[site.address, role]


def findings(site, **query):
    """What waits, the most urgent first."""
    answer = signed_in(site, "auditor").get("findings", params={"limit": 200, **query})
    return answer.raise_for_status().json()["items"]


def whole(site, finding):
    answer = signed_in(site, "auditor").get(f"findings/{finding['id']}")
    return answer.raise_for_status().json()


def title(page):
    """What is shown just now."""
    return page.locator(".facts-panel h2").first


def shows(page, finding):
    expect(page.locator(f'li[data-id="{finding["id"]}"].current')).to_be_visible()
    expect(title(page)).to_have_text(finding["title"]["en"])


def becomes(site, finding, **values):
    """Wait until the service has a finding so."""
    return until(
        site, finding, lambda now: all(now[name] == value for name, value in values.items()), values
    )


def until(site, finding, holds, wanted):
    end = time.monotonic() + 60
    while time.monotonic() < end:
        now = whole(site, finding)
        if holds(now):
            return now
    raise AssertionError(f"{finding['id']} is {now['state']}, not {wanted}")


def at_work(site, path="/review", role="reviewer", **more):
    """A reviewer's page with the first finding on it."""
    page = site.page(role, path, **more)
    expect(page.locator(".facts-panel h2").first).to_be_visible()
    page.locator("section.stage").focus()
    return page


def test_keys_decide_and_the_next_one_is_there(site, axe):
    first, second, third, fourth = findings(site)[:4]
    page = at_work(site)
    shows(page, first)
    assert axe(page) == []
    page.keyboard.press("Enter")
    shows(page, second)
    page.keyboard.press("r")
    menu = page.get_by_role("dialog", name="Why is it rejected?")
    expect(menu.get_by_role("button", name="it is a case already")).to_be_visible()
    assert axe(page) == []
    page.keyboard.press("3")
    shows(page, third)
    page.keyboard.press("s")
    shows(page, fourth)
    page.keyboard.press("c")
    confirmed = becomes(site, first, state="confirmed", decided_by="reviewer")
    assert confirmed["cases"], "confirming files its case"
    becomes(site, second, state="rejected", reject_reason="unclear")
    becomes(site, fourth, state="confirmed")
    becomes(site, third, state="suspected", claimed_by=None)
    expect(page.get_by_test_id("sitting")).to_have_text("3")
    expect(page.get_by_test_id("today")).to_have_text("3")
    row = page.locator(f'li[data-id="{first["id"]}"]')
    expect(row).to_contain_text("Confirmed")


def test_arrows_walk_through_what_is_claimed_and_change_nothing(site):
    first, second, third = findings(site)[:3]
    page = at_work(site)
    shows(page, first)
    page.keyboard.press("ArrowRight")
    shows(page, second)
    page.keyboard.press("ArrowRight")
    shows(page, third)
    page.keyboard.press("ArrowLeft")
    shows(page, second)
    assert {f["state"] for f in findings(site)} == {"suspected"}


def test_undo_takes_back_decisions_and_skips_in_turn(site):
    first, second, third = findings(site)[:3]
    page = at_work(site)
    shows(page, first)
    page.keyboard.press("c")
    shows(page, second)
    page.keyboard.press("s")
    shows(page, third)
    page.keyboard.press("u")
    shows(page, second)
    page.keyboard.press("Control+z")
    shows(page, first)
    now = becomes(site, first, state="suspected", claimed_by="reviewer")
    assert [(h["action"], h["undone"]) for h in now["history"]] == [
        ("confirm", True), ("undo", False),
    ]  # fmt: skip
    becomes(site, second, claimed_by="reviewer")
    # What was taken back can be decided anew.
    page.keyboard.press("r")
    page.keyboard.press("1")
    becomes(site, first, state="rejected", reject_reason="nothing_there")


def test_another_reason_needs_words(site):
    first, second = findings(site)[:2]
    page = at_work(site)
    shows(page, first)
    page.keyboard.press("r")
    page.keyboard.press("6")
    words = page.get_by_label("The reason in words")
    expect(words).to_be_focused()
    # Keys that are typed are words, not commands.
    page.keyboard.type("a film set, scenery")
    page.keyboard.press("Enter")
    shows(page, second)
    now = becomes(site, first, state="rejected", reject_reason="other")
    assert now["history"][-1]["detail"]["text"] == "a film set, scenery"


def test_the_kind_is_corrected_and_its_reasons_with_it(site):
    first, second = findings(site, kind=SURVEY)[:2]
    page = at_work(site, f"/review?kind={SURVEY}")
    shows(page, first)
    page.keyboard.press("k")
    page.get_by_role("dialog", name="Which kind is it?").wait_for()
    page.keyboard.press("3")
    expect(page.get_by_text("changed to Land clearing")).to_be_visible()
    page.keyboard.press("r")
    expect(page.get_by_role("button", name="fields are worked")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)
    page.keyboard.press("Enter")
    shows(page, second)
    now = becomes(site, first, state="confirmed", kind="land_clearing")
    assert [h["action"] for h in now["history"]] == ["correct", "confirm"]


def test_help_names_the_keys_and_digits_reach_the_viewer(site, axe):
    page = at_work(site, f"/review?kind={SURVEY}")
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keys")
    expect(sheet.get_by_text("Blink before and after")).to_be_visible()
    assert axe(page) == []
    # Nothing is decided behind an open sheet.
    page.keyboard.press("c")
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    assert {f["state"] for f in findings(site)} == {"suspected"}
    shows(page, findings(site, kind=SURVEY)[0])
    page.keyboard.press("2")
    side = page.locator(".viewer").get_by_role("button", name="Side by side")
    expect(side).to_have_attribute("aria-pressed", "true")


def test_what_is_typed_into_fields_decides_nothing(site):
    first = findings(site)[0]
    page = at_work(site)
    shows(page, first)
    page.keyboard.press("t")
    comment = page.get_by_label("Write a comment")
    expect(comment).to_be_focused()
    page.keyboard.type("cars stand here; unclear, seen twice")
    page.get_by_role("button", name="Add comment").click()
    expect(page.locator(".facts-panel ol")).to_contain_text("cars stand here")
    expect(comment).to_have_value("")
    now = whole(site, first)
    assert now["state"] == "suspected"
    assert now["history"][-1]["detail"]["text"] == "cars stand here; unclear, seen twice"


def test_an_outline_drawn_anew_is_saved_with_the_decision(site):
    first, second = findings(site, kind=SURVEY)[:2]
    page = at_work(site, f"/review?kind={SURVEY}")
    shows(page, first)
    before = whole(site, first)
    page.keyboard.press("e")
    expect(page.get_by_role("button", name="Give up edit")).to_be_visible()
    # The next corner, nudged by keys: they are the editor's while it is open.
    page.keyboard.press(".")
    for _ in range(8):
        page.keyboard.press("ArrowRight")
    expect(page.get_by_text("Outline edited; saved with the decision")).to_be_visible()
    page.get_by_role("button", name="Correct and confirm").click()
    shows(page, second)
    now = becomes(site, first, state="confirmed")
    assert now["corrected"]["geometry"] == now["geometry"]
    assert now["area_m2"] != pytest.approx(before["area_m2"], rel=0.001)


def test_a_service_that_was_killed_gets_the_edit_when_it_is_back(own_site):
    first, second, third = findings(own_site)[:3]
    page = at_work(own_site)
    shows(page, first)
    page.keyboard.press("k")
    page.keyboard.press("3")
    expect(page.get_by_text("changed to Land clearing")).to_be_visible()
    expect(page.locator(".review")).to_have_attribute("data-ready", re.compile("[345]"))
    own_site.stop(kill=True)
    page.keyboard.press("Enter")
    # The next one is there all the same, and the one after it.
    shows(page, second)
    page.keyboard.press("r")
    page.keyboard.press("1")
    shows(page, third)
    expect(page.get_by_text("2 not saved yet; saved when the service is back")).to_be_visible()
    page.get_by_role("button", name="Try now").click()
    expect(page.get_by_text("2 not saved yet; saved when the service is back")).to_be_visible()
    own_site.start()
    expect(page.get_by_text("not saved yet")).to_have_count(0)
    now = becomes(own_site, first, state="confirmed", kind="land_clearing")
    assert [h["action"] for h in now["history"]] == ["correct", "confirm"]
    assert len(now["cases"]) == 1
    becomes(own_site, second, state="rejected", reject_reason="nothing_there")


def test_a_refused_decision_comes_back_with_what_was_typed(site):
    first, second = findings(site)[:2]
    page = at_work(site)
    shows(page, first)
    # A supervisor decides past the claim: it is given back and taken by somebody else.
    own, other = signed_in(site, "reviewer"), signed_in(site, "supervisor")
    own.post("reviews/claims/release", json={"finding_ids": [first["id"]]}).raise_for_status()
    version = other.get(f"findings/{first['id']}").headers["etag"]
    other.post(
        f"findings/{first['id']}/reject", json={"reason": "known"},
        headers={"If-Match": version},
    ).raise_for_status()  # fmt: skip
    page.keyboard.press("r")
    page.get_by_label("A remark (optional)").fill("seen from the road")
    page.get_by_role("button", name="the evidence does not show it clearly").click()
    shows(page, second)
    page.get_by_role("button", name="Look", exact=True).click()
    shows(page, first)
    expect(page.get_by_role("alert")).to_contain_text(
        "Your rejection (the evidence does not show it clearly) was not saved"
    )
    expect(page.get_by_role("alert")).to_contain_text("Somebody else changed this meanwhile")
    expect(page.locator(".facts-panel header")).to_contain_text("Rejected by supervisor")
    page.keyboard.press("r")
    expect(page.get_by_label("A remark (optional)")).to_have_value("seen from the road")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Let it go").click()
    expect(page.get_by_role("alert")).to_have_count(0)
    assert whole(site, first)["reject_reason"] == "known"


def test_two_reviewers_never_get_the_same(site):
    waiting = findings(site)
    one = at_work(site)
    two = at_work(site, role="supervisor")
    expect(one.locator(".stage .viewer")).to_be_visible()
    held = {}
    for role in ("reviewer", "supervisor"):
        claims = signed_in(site, role).get("reviews/claims").json()["items"]
        held[role] = [item["id"] for item in claims]
    assert held["reviewer"]
    assert held["supervisor"]
    assert not set(held["reviewer"]) & set(held["supervisor"])
    shows(one, waiting[0])
    assert two.locator(".facts-panel h2").first.inner_text() != ""
    assert two.locator("li.current").get_attribute("data-id") == held["supervisor"][0]
    # Who opens what the other holds is told so and cannot decide on it.
    two.goto(f"/review/{waiting[0]['id']}")
    expect(two.get_by_text("reviewer reviews this until")).to_be_visible()
    expect(two.get_by_role("toolbar", name="Actions")).to_have_count(0)
    # What is left is free for others at once, and the other may have taken it before we look.
    holder = whole(site, waiting[0])["claimed_by"]
    assert holder is not None
    one.wait_for_load_state("networkidle")
    one.goto("/map")
    until(site, waiting[0], lambda now: now["claimed_by"] != holder, "free of its holder")


def test_many_that_look_alike_are_decided_at_once_and_taken_back(site, axe):
    alike = findings(site, kind="dust_hotspot")
    page = at_work(site, "/review?kind=dust_hotspot")
    shows(page, alike[0])
    page.keyboard.press("l")
    expect(page.get_by_text(f"{len(alike)} marked", exact=True)).to_be_visible()
    page.get_by_label(f"Mark {alike[-1]['title']['en']}").last.uncheck()
    # Somebody else is quicker with one of them.
    taken = alike[1]
    own, other = signed_in(site, "reviewer"), signed_in(site, "supervisor")
    own.post("reviews/claims/release", json={"finding_ids": [taken["id"]]}).raise_for_status()
    other.post("reviews/claims", json={"finding_ids": [taken["id"]]}).raise_for_status()
    page.get_by_role("button", name="Reject all").click()
    dialog = page.get_by_role("dialog", name="One decision on many")
    dialog.get_by_label("Reason").select_option("covered")
    dialog.get_by_label("Remark").fill("green net since Monday")
    assert axe(page) == []
    dialog.get_by_role("button", name="Reject all").click()
    expect(dialog.get_by_text(f"{len(alike) - 2} decided")).to_be_visible()
    expect(dialog.get_by_text("1 could not be decided")).to_be_visible()
    expect(dialog.get_by_role("listitem")).to_contain_text("supervisor reviews this finding until")
    dialog.get_by_role("button", name="Close", exact=True).last.click()
    states = {f["id"]: f["state"] for f in findings(site, kind="dust_hotspot")}
    assert states.pop(taken["id"]) == "suspected"
    assert states.pop(alike[-1]["id"]) == "suspected"
    assert set(states.values()) == {"rejected"}
    page.locator("section.stage").focus()
    page.keyboard.press("u")
    for each in alike:
        becomes(site, each, state="suspected")


def test_filters_are_in_the_address_and_narrow_what_is_claimed(site):
    page = at_work(site)
    page.get_by_role("button", name="Filters").click()
    page.get_by_label("Illegal parking", exact=True).check()
    page.wait_for_url("**kind=illegal_parking*")
    parked = findings(site, kind="illegal_parking")
    shows(page, parked[0])
    held = signed_in(site, "reviewer").get("reviews/claims").json()["items"]
    assert {item["kind"] for item in held} == {"illegal_parking"}
    page.get_by_label("Least score").fill("1")
    page.get_by_label("Least score").press("Tab")
    page.wait_for_url("**min_score=1*")
    expect(page.get_by_text("Nothing that passes the filters waits for review")).to_be_visible()
    page.reload()
    expect(page.get_by_text("Nothing that passes the filters waits for review")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").click()
    shows(page, findings(site)[0])
    page.get_by_label("Order", exact=True).select_option("time")
    page.wait_for_url("**order=time*")
    shows(page, findings(site, order="time")[0])


def test_bounds_that_are_none_are_told(site):
    page = at_work(site)
    page.get_by_role("button", name="Filters").click()
    bounds = page.get_by_label("Bounds", exact=False)
    bounds.fill("113, 22, 112")
    bounds.press("Tab")
    expect(page.get_by_text("Give four numbers")).to_be_visible()
    bounds.fill("113.0, 22.0, 114.0, 23.0")
    bounds.press("Tab")
    page.wait_for_url(re.compile(r"bbox=113\.0"))


def test_a_linked_finding_is_claimed_decided_and_the_queue_goes_on(site):
    waiting = findings(site)
    chosen = waiting[-1]
    page = at_work(site, f"/review/{chosen['id']}")
    shows(page, chosen)
    becomes(site, chosen, claimed_by="reviewer")
    page.keyboard.press("c")
    page.wait_for_url(re.compile(r"/review$"))
    becomes(site, chosen, state="confirmed")
    page.goto(f"/review/{chosen['id']}")
    expect(title(page)).to_have_text(chosen["title"]["en"])
    expect(page.locator(".facts-panel")).to_contain_text("Confirmed by reviewer")
    expect(page.locator('.facts-panel a[href^="/cases/"]').first).to_be_visible()
    page.get_by_role("link", name="Back to the queue").click()
    shows(page, waiting[0])


def test_a_finding_that_is_not_there_is_said(site):
    page = site.page("reviewer", "/review/00000000000000000000")
    expect(page.get_by_text("This is not there", exact=False)).to_be_visible()


@pytest.mark.parametrize("role", ["operator", "auditor"])
def test_who_does_not_review_reads_and_walks(site, axe, role):
    first, second = findings(site)[:2]
    page = at_work(site, role=role)
    shows(page, first)
    expect(page.get_by_role("toolbar", name="Actions")).to_have_count(0)
    expect(page.get_by_role("checkbox")).to_have_count(0)
    page.keyboard.press("c")
    page.keyboard.press("ArrowRight")
    shows(page, second)
    page.wait_for_url(f"**/review/{second['id']}")
    page.reload()
    shows(page, second)
    assert axe(page) == []
    assert {f["state"] for f in findings(site)} == {"suspected"}
    # A page of the test before may give back what it held only now.
    assert role not in {f["claimed_by"] for f in findings(site)}


@pytest.mark.parametrize("dark", [False, True])
def test_in_chinese_and_on_a_narrow_screen(site, axe, dark):
    first, second = findings(site)[:2]
    page = at_work(site, language="zh", dark=dark, size=(390, 844))
    expect(title(page)).to_have_text(first["title"]["zh"])
    assert axe(page) == []
    page.get_by_role("button", name="队列").click()
    rows = page.locator("aside li")
    expect(rows.first).to_be_visible()
    assert axe(page) == []
    page.get_by_role("button", name="收起列表").click()
    page.get_by_role("button", name="确认").click()
    expect(title(page)).to_have_text(second["title"]["zh"])
    becomes(site, first, state="confirmed")
    wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0


def test_a_page_that_is_closed_gives_back_what_it_held(site):
    first = findings(site)[0]
    page = at_work(site)
    shows(page, first)
    becomes(site, first, claimed_by="reviewer")
    page.close(run_before_unload=True)
    becomes(site, first, claimed_by=None)
