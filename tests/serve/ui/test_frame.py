"""What all pages share: signing in, who sees what, language, looks, and what must not be."""

import re

import pytest

from serve.api.access import Role
from tests.serve.ui.conftest import PASSWORD

HOMES = {
    Role.OPERATOR: "/surveys",
    Role.INTEGRATOR: "/cameras",
    Role.REVIEWER: "/review",
    Role.SUPERVISOR: "/dashboard",
    Role.AUDITOR: "/dashboard",
    Role.ADMIN: "/dashboard",
}
PAGES = ("review", "map", "surveys", "cameras", "cases", "dashboard", "admin")


def test_signing_in_and_out(site, axe):
    page = site.context().new_page()
    page.goto("/cases")
    page.get_by_label("User name").fill("supervisor")
    page.get_by_label("Password").fill("not the password")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_text("The user name or the password is wrong.").wait_for()
    assert axe(page) == []
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("Password").press("Enter")
    page.get_by_role("link", name="Cases", exact=True).wait_for()
    assert page.url.endswith("/cases")
    page.get_by_role("button", name="Your account").click()
    page.get_by_role("button", name="Sign out").click()
    page.get_by_label("User name").wait_for()
    assert page.context.request.get("/api/v1/auth/me").status == 401


@pytest.mark.parametrize("role", list(Role))
def test_each_role_begins_at_its_work_and_sees_its_pages(site, role):
    page = site.page(role)
    page.wait_for_url(f"**{HOMES[role]}*")
    links = page.locator("nav[aria-label=Pages] li a")
    for name in PAGES:
        links.nth(PAGES.index(name)).click()
        page.wait_for_url(f"**/{name}*")
        page.get_by_role("heading", level=1).first.wait_for()
    assert links.count() == len(PAGES)


@pytest.mark.parametrize(
    ("language", "dark", "size"), [("zh", True, (390, 844)), ("en", False, (820, 1180))]
)
def test_all_pages_in_both_languages_light_and_dark_narrow_and_wide(
    site, axe, language, dark, size
):
    page = site.page("admin", language=language, dark=dark, size=size)
    for name in PAGES:
        page.goto(f"/{name}")
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], name
        # Nothing is wider than the window: tables scroll in boxes of their own.
        wider = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wider <= 0, f"{name} is {wider} px too wide"
        shown = page.locator("main").inner_text()
        if language == "zh":
            assert re.search(r"[\u4e00-\u9fff]", shown), name
    assert page.evaluate("document.documentElement.lang") == ("zh-CN" if language == "zh" else "en")


def test_language_and_looks_are_kept_and_nothing_else(site):
    page = site.page("auditor", "/dashboard")
    page.get_by_role("button", name="Your account").click()
    page.get_by_label("Appearance").select_option("dark")
    page.get_by_label("Language").select_option("zh")
    page.get_by_role("link", name="案件", exact=True).click()
    page.wait_for_url("**/cases*")
    page.reload()
    page.get_by_role("link", name="案件", exact=True).wait_for()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    kept = page.evaluate("Object.keys(localStorage).concat(Object.keys(sessionStorage)).sort()")
    assert kept == ["cityeye.language", "cityeye.theme"]
    assert page.evaluate("indexedDB.databases().then((all) => all.length)") == 0


def test_what_is_not_there_is_said(site):
    page = site.page("reviewer", "/nowhere")
    page.get_by_text("There is no such page").wait_for()
    page.get_by_role("link", name="Go to the start").click()
    page.wait_for_url("**/review*")


def test_a_session_that_ended_leads_to_signing_in(site):
    page = site.page("operator", "/surveys")
    page.context.clear_cookies()
    # Whatever the page asks next leads there; where it asked already, the link is gone.
    page.evaluate("document.querySelector('nav a[href=\"/cases\"]')?.click()")
    page.get_by_label("User name").wait_for()


def test_keyboard_alone_reaches_the_content(site):
    page = site.page("admin", "/cases")
    page.locator("nav[aria-label=Pages]").wait_for()
    page.keyboard.press("Tab")
    skip = page.get_by_text("Skip to the content")
    assert skip.evaluate("(link) => link === document.activeElement")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
