"""Cases in the browser: the list and its filters, the course of one, dead letters, case systems."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from serve.db.engine import Database
from serve.db.tables import Case, CaseEvent, OutboxEntry


@pytest.fixture(scope="module")
def supervising(module_site):
    """A supervisor's page, which the module's quick tests share."""
    return module_site.page("supervisor", "/cases")


@pytest.fixture
def page(supervising, site):
    """That page; what it did wrong fails the test."""
    assert site.faults == []
    return supervising


def cases_of(site, **query):
    return site.api("auditor").get("cases", params=query).json()["items"]


def rows_of(page):
    page.locator("table.list tbody tr").first.wait_for()
    return page.locator("table.list tbody tr")


def query_of(page):
    return parse_qs(urlsplit(page.url).query)


def test_cases_are_listed_with_where_they_stand(site, page, axe):
    page.goto("/cases")
    cases = cases_of(site)
    rows = rows_of(page)
    assert rows.count() == len(cases)
    first = rows.first.inner_text()
    assert cases[0]["title_en"] in first
    assert cases[0]["external_id"] in first
    assert axe(page) == []


def test_filters_are_in_the_address_and_survive_a_reload(site, page):
    kind = cases_of(site)[0]["kind"]
    expected = len(cases_of(site, kind=kind))
    assert expected < len(cases_of(site))
    page.goto("/cases")
    rows_of(page)
    page.get_by_role("combobox", name="Kind").select_option(kind)
    page.wait_for_url(f"**/cases?kind={kind}")
    expect(page.locator("table.list tbody tr")).to_have_count(expected)
    page.reload()
    assert rows_of(page).count() == expected
    page.get_by_label("Title or case number").fill("nothing is called so")
    page.keyboard.press("Enter")
    page.get_by_text("No case fits these filters").wait_for()
    assert query_of(page) == {"kind": [kind], "text": ["nothing is called so"]}
    page.get_by_role("button", name="Clear").click()
    assert rows_of(page).count() == len(cases_of(site))
    assert query_of(page) == {}


def test_a_case_tells_its_course_and_what_was_sent(site, page, axe):
    case = cases_of(site, state="closed")[0]
    page.goto("/cases")
    rows_of(page)
    page.get_by_role("link", name=case["title_en"]).first.click()
    page.wait_for_url(re.compile(r"/cases/[0-9a-f-]{36}$"))
    page.get_by_role("heading", name="Course").wait_for()
    course = page.get_by_role("region", name="Course").inner_text()
    for step in ("Drafted", "Delivered", "Filed", "Dispatched", "Verified", "Closed"):
        assert step in course
    assert "Case system, by callback" in course
    shown = page.url.rsplit("/", 1)[1]
    case = site.api("auditor").get(f"cases/{shown}").json()
    assert case["draft"]["review"]["reviewer"] in course
    assert case["draft"]["texts"]["en"] in page.inner_text("main")
    link = page.get_by_role("link", name="Open the finding")
    assert link.get_attribute("href") == f"/review/{case['finding_id']}"
    assert axe(page) == []


def test_the_payload_is_shown_as_the_other_side_gets_it_and_copied(site, page):
    case = cases_of(site, state="closed")[0]
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.goto(f"/cases/{case['id']}")
    page.get_by_role("button", name="Show what the other side gets").click()
    payload = page.get_by_role("region", name="What the other side gets (JSON)")
    payload.wait_for()
    (sent,) = site.api("auditor").get(f"cases/{case['id']}/messages").json()
    assert page.evaluate("([text]) => JSON.parse(text)", [payload.inner_text()]) == sent["payload"]
    page.get_by_role("button", name="Copy").click()
    page.get_by_text("Copied.").wait_for()
    copied = page.evaluate("navigator.clipboard.readText().then(JSON.parse)")
    assert copied == sent["payload"]
    secret = (site.folder / "data" / "case-system" / "secret").read_text().strip()
    assert secret
    assert secret not in page.content()


def test_evidence_links_are_revoked_after_asking(site, page):
    case = cases_of(site, state="closed")[0]
    url = next(item["url"] for item in _case(site, case)["draft"]["evidence"] if item["url"])
    link = f"{site.address}{urlsplit(url).path}"
    assert page.context.request.get(link).status == 200
    page.goto(f"/cases/{case['id']}")
    page.get_by_role("button", name="Revoke evidence links").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_role("button", name="Cancel").click()
    assert page.context.request.get(link).status == 200
    page.get_by_role("button", name="Revoke evidence links").click()
    dialog.get_by_role("button", name="Revoke evidence links").click()
    page.get_by_text("The links do not work any more.").wait_for()
    assert page.context.request.get(link).status == 410


def _case(site, case):
    return site.api("auditor").get(f"cases/{case['id']}").json()


@pytest.fixture
def dead(site):
    """A case whose message was given up, as an outbox leaves it behind."""
    database = Database(f"sqlite:///{site.folder / 'data' / 'cityeye.sqlite'}")
    with database.write() as session:
        case = session.scalars(sa.select(Case).order_by(Case.id)).first()
        entry = session.scalars(sa.select(OutboxEntry).where(OutboxEntry.case_id == case.id)).one()
        case.state = "dead"
        entry.state, entry.last_problem = "dead", "HTTP 422: the event code is not known"
        session.add(
            CaseEvent(
                case_id=case.id, state="dead", origin="delivery",
                detail={"action": "post", "problem": entry.last_problem},
            )
        )  # fmt: skip
        case_id, title = case.id, case.title_en
    database.close()
    return case_id, title


def test_a_dead_letter_tells_why_and_is_sent_again(page, axe, dead):
    case_id, title = dead
    page.goto("/cases/dead-letters")
    row = page.get_by_role("row").filter(has_text="HTTP 422: the event code is not known")
    row.get_by_role("link", name=title).wait_for()
    assert axe(page) == []
    page.goto("/cases/systems")
    page.get_by_role("button", name="Send all again").wait_for()
    assert axe(page) == []
    page.goto("/cases/dead-letters")
    row.get_by_role("button", name="Send again").click()
    page.get_by_text("It waits to be sent again.").wait_for()
    page.get_by_text("Nothing was given up").wait_for()
    page.goto(f"/cases/{case_id}")
    # The other side knows it already, so that it is delivered and filed once.
    page.get_by_text("Waits to be sent again").wait_for()
    page.get_by_text("sent again once").wait_for()


@pytest.mark.usefixtures("dead")
def test_all_dead_letters_of_a_case_system_are_sent_again(page):
    page.goto("/cases/systems")
    page.get_by_role("button", name="Send all again").click()
    page.get_by_role("dialog").get_by_role("button", name="Send all again").click()
    page.get_by_text("1 messages wait to be sent again.").wait_for()
    page.get_by_role("dialog").wait_for(state="hidden")


@pytest.mark.parametrize(
    ("role", "tabs", "may_revoke", "sees_payload"),
    [
        ("operator", [], False, False),
        ("auditor", ["All cases", "Dead letters", "Case systems"], False, True),
    ],
)
def test_roles_see_what_they_may(site, role, tabs, may_revoke, sees_payload):
    case = cases_of(site)[0]
    page = site.page(role, "/cases")
    rows_of(page)
    assert page.locator("nav[aria-label='Views of cases'] a").all_inner_texts() == tabs
    page.goto(f"/cases/{case['id']}")
    page.get_by_role("heading", name="Delivery").wait_for()
    assert page.get_by_role("button", name="Revoke").count() == int(may_revoke)
    shows = page.get_by_role("button", name="Show what the other side gets")
    assert (shows.count() > 0) == sees_payload
    page.context.close()


def test_cases_in_chinese_on_a_phone(site, axe):
    page = site.page("supervisor", "/cases", language="zh", size=(390, 844), dark=True)
    case = cases_of(site)[0]
    page.get_by_role("link", name=case["title_zh"]).first.wait_for()
    assert axe(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"/cases/{case['id']}")
    page.get_by_role("heading", name="办理进程").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert axe(page) == []
    page.context.close()
