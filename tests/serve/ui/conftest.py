"""A real service with the samples in it, and Chromium looking at its pages.

The samples are taken in once for a run, by the demo itself; every module that wants a service gets
a copy of what that left behind; CITYEYE_TEST_SAMPLES names a folder that keeps it between runs
while tests are written. A page in these tests fails its test when the content security
policy was violated, when a script failed, or when anything was asked of another host.
"""

import fcntl
import json
import os
import shutil
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from scripts import browser, demo_service
from serve.api.access import Role
from serve.api.caller import CSRF_HEADER
from serve.db.engine import Database
from serve.people import accounts
from tests.serve.processes import environment_for, free_port, served

ROOT = Path(__file__).resolve().parents[3]
PAGES = ROOT / "serve" / "ui" / "dist" / "index.html"
AXE = ROOT / "serve" / "ui" / "node_modules" / "axe-core" / "axe.min.js"
PASSWORD = "city-eye-under-test"  # noqa: S105
SERIOUS = ("serious", "critical")
EXPECTED_WITHIN_MS = 20_000
"""Browser and service share the machine, which may be a slow one."""


@pytest.fixture(scope="session")
def samples(tmp_path_factory):
    """The data folder of a service that took the samples in, with a user of every role."""
    if not PAGES.exists():
        pytest.skip("the pages are not built here: make ui")
    kept = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        kept = kept.parent
    kept = Path(os.environ.get("CITYEYE_TEST_SAMPLES") or kept)
    kept.mkdir(parents=True, exist_ok=True)
    folder = kept / "ui-samples"
    with (kept / "ui-samples.lock").open("w") as lock:
        # The processes of one run share it: whoever comes first makes it.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "whole").exists():
            demo_service.run(folder)
            _add_users(folder / "data")
            (folder / "whole").touch()
    return folder / "data"


def _add_users(data):
    database = Database(f"sqlite:///{data / 'cityeye.sqlite'}")
    with database.write() as session:
        for role in Role:
            accounts.add(
                session, actor="tests", name=role.value, role=role, password=PASSWORD,
                display_name=role.value.title(), language="en",
            )  # fmt: skip
    database.close()


@pytest.fixture(scope="session")
def chromium():
    """A running browser."""
    playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")
    playwright.expect.set_options(timeout=EXPECTED_WITHIN_MS)
    if browser.program() is None:
        pytest.skip(browser.MISSING)
    with browser.chromium() as running:
        yield running


class Site:
    """A service that runs on a copy of the samples, and browsers that look at it."""

    def __init__(self, folder, samples, chromium):
        self.folder = folder
        self.port = free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.process = None
        self.faults = []
        self._chromium = chromium
        self._running = None
        self._contexts = []
        shutil.copytree(samples, folder / "data")

    def start(self):
        """Start the service; after `stop`, again on the same address and data."""
        self._running = served(
            folder=self.folder,
            environment=environment_for(self.folder),
            port=self.port,
            words=("--dev",),
        )
        _, self.process = self._running.__enter__()
        return self

    def stop(self, *, kill=False):
        """End the service, or kill it."""
        if kill:
            self.process.kill()
            self.process.wait()
        if self._running is not None:
            self._running.__exit__(None, None, None)
        self._running = None

    def close(self):
        """End all of it."""
        self.close_browsers(0)
        self.stop()

    @property
    def browsers(self):
        """How many browsers were opened and not closed."""
        return len(self._contexts)

    def close_browsers(self, kept):
        """Close browsers but for the first so many: what is left open goes on asking."""
        while len(self._contexts) > kept:
            self._contexts.pop().close()

    def api(self, role):
        """A client of the API that is signed in as a role."""
        client = httpx.Client(base_url=f"{self.address}/api/v1/", timeout=60)
        me = client.post("auth/login", json={"name": Role(role).value, "password": PASSWORD})
        client.headers[CSRF_HEADER] = me.raise_for_status().json()["csrf"]
        return client

    def context(self, *, language="en", size=(1440, 900), dark=False, **more):
        """A browser of its own, as a person has it."""
        width, height = size
        context = self._chromium.new_context(
            base_url=self.address,
            viewport={"width": width, "height": height},
            locale="zh-CN" if language == "zh" else "en-GB",
            timezone_id="Asia/Shanghai",
            color_scheme="dark" if dark else "light",
            **more,
        )
        context.set_default_timeout(30_000)
        self._contexts.append(context)
        context.on("request", self._outside)
        context.on("weberror", lambda fault: self.faults.append(f"script: {fault.error}"))
        context.on("console", self._violation)
        return context

    def page(self, role, path="/", *, language="en", **more):
        """A page on which somebody of a role is signed in."""
        context = self.context(language=language, **more)
        client = self.api(role)
        me = client.patch("auth/me", json={"language": language}).raise_for_status()
        assert me.json()["language"] == language
        cookies = [
            {"name": cookie.name, "value": cookie.value, "url": self.address}
            for cookie in client.cookies.jar
        ]
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(path)
        page.locator("nav").first.wait_for()
        return page

    def _outside(self, request):
        address = urlsplit(request.url)
        if address.scheme in ("http", "https") and address.netloc != f"127.0.0.1:{self.port}":
            self.faults.append(f"asked of another host: {request.url}")

    def _violation(self, message):
        if "Content Security Policy" in message.text:
            self.faults.append(f"policy: {message.text}")

    def check(self):
        """Fail where a page did what no page may do."""
        faults, self.faults = self.faults, []
        assert faults == []


@contextmanager
def running_site(folder, samples, chromium):
    """A site that runs."""
    site = Site(folder, samples, chromium)
    try:
        yield site.start()
    finally:
        site.close()


@pytest.fixture(scope="module")
def module_site(tmp_path_factory, samples, chromium):
    """A service that the tests of one module share; do not stop it."""
    with running_site(tmp_path_factory.mktemp("site"), samples, chromium) as site:
        yield site


@pytest.fixture
def site(module_site):
    """The module's service; what its pages did wrong during the test fails the test."""
    open_before = module_site.browsers
    yield module_site
    module_site.close_browsers(open_before)
    module_site.check()


@pytest.fixture
def own_site(tmp_path, samples, chromium):
    """A service of one test's own, which it may stop, kill and start again."""
    with running_site(tmp_path, samples, chromium) as site:
        yield site
        site.check()


@pytest.fixture(scope="session")
def axe():
    """Tell the serious faults that axe-core finds on a page: ``assert axe(page) == []``."""
    source = AXE.read_text("utf-8")

    def faults(page, within="document"):
        # By the debugger's own evaluation, which the page's policy does not bind.
        page.evaluate(source)
        found = page.evaluate(f"axe.run({within}, {json.dumps({'resultTypes': ['violations']})})")
        return [
            f"{fault['id']}: {node['html'][:160]} ({fault['help']})"
            for fault in found["violations"]
            if fault["impact"] in SERIOUS
            for node in fault["nodes"][:5]
        ]

    return faults


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """Tell what stood on the page where a test failed."""
    report = yield
    if report.when == "call" and report.failed:
        for name, page in item.funcargs.items():
            if hasattr(page, "inner_text") and not page.is_closed():
                text = f"{page.url}\n{page.inner_text('body', timeout=2_000)}"
                report.sections.append((f"{name} showed", text[:3_000]))
    return report
