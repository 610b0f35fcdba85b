"""The administration pages: every action done by hand, and what came of it at the service."""

import re

import httpx
import pytest

from serve.api.access import Role
from serve.app import ROUTERS
from serve.people import tokens
from tests.serve.ui.conftest import ROOT

SECTIONS = ("users", "registers", "models", "events", "exports", "audit", "tokens", "sessions")
SEEN_BY = {
    Role.REVIEWER: ("registers", "models", "events", "tokens", "sessions"),
    Role.AUDITOR: ("registers", "models", "events", "exports", "audit", "tokens", "sessions"),
    Role.ADMIN: SECTIONS,
}
NEW_PASSWORD = "a new password 7"  # noqa: S105


def tabs_of(page):
    links = page.locator("nav[aria-label=Sections] a")
    links.first.wait_for()
    return tuple(link.get_attribute("href").rsplit("/", 1)[1] for link in links.all())


@pytest.mark.parametrize("role", SEEN_BY)
def test_a_role_sees_its_sections(site, role):
    page = site.page(role, "/admin")
    assert tabs_of(page) == SEEN_BY[role]
    if role is Role.REVIEWER:
        page.goto("/admin/audit")
        page.get_by_text("your role does not see it").wait_for()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_sections_are_sound_in_both_languages(site, axe, language):
    page = site.page("admin", "/admin", language=language, dark=language == "zh")
    for name in SECTIONS:
        page.goto(f"/admin/{name}")
        page.locator("table, article, h2").first.wait_for()
        assert axe(page) == [], name
        has_chinese = re.search("[一-鿿]", page.get_by_role("heading", level=1).inner_text())
        assert bool(has_chinese) == (language == "zh")
    page.set_viewport_size({"width": 390, "height": 844})
    for name in ("users", "audit"):
        page.goto(f"/admin/{name}")
        page.locator("table").first.wait_for()
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, name


def test_a_user_is_added_changed_kept_out_and_given_a_password(site, axe):
    page = site.page("admin", "/admin/users")
    page.get_by_role("button", name="Add a user").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("User name").fill("zhao")
    dialog.get_by_label("Role").select_option("reviewer")
    dialog.get_by_role("button", name="Make one up").click()
    password = dialog.get_by_label("Password").input_value()
    assert len(password) >= 12
    assert axe(page) == []
    dialog.get_by_role("button", name="Save").click()
    row = page.locator("tr[data-user=zhao]")
    row.wait_for()
    login = {"name": "zhao", "password": password}
    assert httpx.post(f"{site.address}/api/v1/auth/login", json=login).json()["role"] == "reviewer"

    # The same name again: told, and what was typed stays.
    page.get_by_role("button", name="Add a user").click()
    dialog.get_by_label("User name").fill("zhao")
    dialog.get_by_role("button", name="Make one up").click()
    dialog.get_by_role("button", name="Save").click()
    dialog.get_by_role("alert").wait_for()
    assert dialog.get_by_label("User name").input_value() == "zhao"
    dialog.get_by_role("button", name="Cancel").click()

    page.get_by_role("button", name="Change zhao").click()
    dialog.get_by_label("Role").select_option("supervisor")
    dialog.get_by_label("Kept out").check()
    dialog.get_by_role("button", name="Save").click()
    row.get_by_text("Kept out").wait_for()
    row.get_by_text("Supervisor").wait_for()
    assert httpx.post(f"{site.address}/api/v1/auth/login", json=login).status_code == 401
    page.get_by_label("State").select_option("disabled")
    page.wait_for_url("**state=disabled")
    page.locator("tr[data-user=operator]").wait_for(state="detached")
    row.wait_for()

    page.get_by_role("button", name="Reset password: zhao").click()
    dialog.get_by_label("Password").fill(NEW_PASSWORD)
    dialog.get_by_role("button", name="Set the password").click()
    page.get_by_text("The password of zhao is set").wait_for()
    page.get_by_role("button", name="Change zhao").click()
    dialog.get_by_label("Kept out").uncheck()
    dialog.get_by_role("button", name="Save").click()
    row.wait_for(state="detached")
    login["password"] = NEW_PASSWORD
    assert httpx.post(f"{site.address}/api/v1/auth/login", json=login).status_code == 200


def test_a_token_is_made_shown_once_and_revoked(site, axe):
    page = site.page("operator", "/admin/tokens")
    page.get_by_role("button", name="New token").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("What it is for").fill("nightly flights")
    dialog.get_by_role("button", name="Create").click()
    dialog.get_by_text("Choose at least one.").wait_for()
    dialog.get_by_label("surveys").select_option("read")
    dialog.get_by_label("sites").select_option("write")
    assert axe(page) == []
    dialog.get_by_role("button", name="Create").click()
    secret = dialog.get_by_label("The secret").input_value()
    machine = httpx.Client(
        base_url=f"{site.address}/api/v1/", headers={"Authorization": f"Bearer {secret}"}
    )
    assert machine.get("sites").status_code == 200
    assert machine.get("findings").status_code == 403
    dialog.get_by_role("button", name="Done").click()
    row = page.locator("tr[data-token='nightly flights']")
    row.get_by_text("Valid").wait_for()
    assert {"sites:write", "surveys:read"} <= set(row.inner_text().split())
    assert secret not in page.content()
    page.reload()
    row.wait_for()
    assert secret not in page.content()
    page.get_by_role("button", name="Revoke nightly flights").click()
    dialog.get_by_role("button", name="Revoke").click()
    row.get_by_text("Revoked").wait_for()
    assert machine.get("sites").status_code == 401


def test_scopes_offered_are_those_of_the_service():
    source = (ROOT / "serve/ui/src/pages/admin/scopes.ts").read_text("utf-8")
    offered = set(re.findall(r"^  (\w+): \[", source, re.MULTILINE))
    assert offered == {str(tag) for router in ROUTERS for tag in router.tags} | {tokens.METRICS}


def test_another_browser_is_signed_out(site):
    other = site.api("integrator")
    page = site.page("integrator", "/admin/sessions")
    page.locator("tr[data-this=true]").get_by_text("this one").wait_for()
    rows = page.locator("tr[data-this=false]")
    assert rows.count() == 1
    rows.get_by_role("button", name="End").click()
    page.get_by_role("dialog").get_by_role("button", name="End").click()
    rows.wait_for(state="detached")
    assert other.get("auth/me").status_code == 401


def import_file(page, name, content):
    page.get_by_role("button", name="Import a file").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("File").set_input_files(
        {"name": name, "mimeType": "text/csv", "buffer": content.encode()}
    )
    dialog.get_by_role("button", name="Check").click()
    return dialog


def test_a_register_is_checked_imported_and_gone_back(site, axe):
    page = site.page("supervisor", "/admin/registers")
    page.get_by_role("link", name="Permitted muck trucks").click()
    dialog = import_file(
        page, "bad.csv", "plate,valid_from\n粤A12345,2026-01-01\n,2026-01-01\n粤B1,x\n"
    )
    faults = dialog.locator("tbody tr")
    faults.first.wait_for()
    told = [row.inner_text() for row in faults.all()]
    assert len(told) >= 2
    # The heading is the first row.
    assert {"row 3", "row 4"} <= {text.split("\t")[0] for text in told}
    assert axe(page) == []
    assert page.locator("[data-version]").count() == 0

    dialog.get_by_label("File").set_input_files(
        {"name": "one.csv", "mimeType": "text/csv", "buffer": "plate\n粤A12345\n".encode()}
    )
    dialog.get_by_role("button", name="Check").click()
    dialog.get_by_role("button", name="Import 1 rows").click()
    page.locator("[data-version='1']").get_by_text("Counts").wait_for()
    dialog = import_file(page, "two.csv", "plate,haulier\n粤A12345,甲\n粤B54321,乙\n")
    dialog.get_by_role("button", name="Import 2 rows").click()
    second = page.locator("[data-version='2']")
    second.get_by_text("Counts").wait_for()
    second.get_by_role("link", name="Show rows").click()
    page.get_by_role("cell", name="粤B54321").wait_for()
    page.go_back()
    page.locator("[data-version='1']").get_by_role("button", name="Go back to it").click()
    page.get_by_role("dialog").get_by_role("button", name="Go back to it").click()
    page.locator("[data-version='1']").get_by_text("Counts").wait_for()
    active = {
        each["register"]: each["active"] for each in site.api("auditor").get("registers").json()
    }
    assert active["muck_trucks"]["number"] == 1


def test_models_tell_all_of_their_cards(site):
    page = site.page("reviewer", "/admin/models")
    for model in site.api("reviewer").get("models").json()["items"]:
        card = page.locator(f"article[data-model={model['name']}]").first
        card.wait_for()
        text = card.text_content()
        for told in (*model["card"]["limits"], *model["card"]["never_tested"]):
            assert told in text
        for metric in model["card"]["metrics"]:
            assert metric["command"] in text


def test_the_event_table_is_the_one_in_use(site):
    page = site.page("auditor", "/admin/events", language="zh")
    table = site.api("auditor").get("event-table").json()["table"]
    page.get_by_text(table["version"]).wait_for()
    for kind, event in table["kinds"].items():
        row = page.locator(f"tr[data-kind={kind}]")
        assert event["code"] in row.inner_text()
        assert event["responsible"]["zh"] in row.inner_text()


def test_a_training_set_is_made_and_downloaded(site, axe):
    page = site.page("supervisor", "/admin/exports")
    page.get_by_role("button", name="New export").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Form").select_option("change_pairs")
    dialog.get_by_label("New structure").check()
    assert axe(page) == []
    dialog.get_by_role("button", name="Make it").click()
    row = page.locator("tr[data-export]")
    row.get_by_role("link", name="Download").wait_for(timeout=120_000)
    with page.expect_download() as downloaded:
        row.get_by_role("link", name="Download").click()
    assert downloaded.value.suggested_filename.endswith(".zip")
    assert downloaded.value.path().read_bytes()[:2] == b"PK"


def test_the_ledger_is_read_by_parts_and_proved(site):
    page = site.page("auditor", "/admin/audit")
    page.locator("tr[data-entry]").first.wait_for()
    page.get_by_label("Who").fill("auditor")
    page.get_by_label("Action").select_option("auth.")
    page.get_by_role("button", name="Filter").click()
    page.wait_for_url("**actor=auditor*")
    shown = page.locator("tr[data-entry] td:nth-child(4)")
    shown.filter(has_not_text="auth.").first.wait_for(state="detached")
    actions = shown.all_inner_texts()
    assert actions
    assert {action.split(".")[0] for action in actions} == {"auth"}
    page.get_by_role("button", name="Clear").click()
    more = page.get_by_role("button", name="Load more")
    more.click()
    page.locator("tr[data-entry]").nth(60).wait_for()
    page.get_by_role("button", name="Verify all of it").click()
    page.get_by_text(re.compile(r"It holds: all [\d,]+ entries agree")).wait_for()
