"""A headless Chromium for what looks at the pages."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vision.errors import InputError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

MISSING = "no Chromium here (Debian: apt-get install chromium)"
# Without a graphics card Chromium imitates one, which is slower than drawing by itself.
_FLAGS = ("--no-sandbox", "--disable-gpu")


def program() -> str | None:
    """Return where the system's Chromium lies, if it has one."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium; needs Playwright (extra `dev`).

    Raises:
        InputError: There is none.
    """
    from playwright.sync_api import sync_playwright

    path = program()
    if path is None:
        raise InputError(MISSING)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(_FLAGS))
        try:
            yield browser
        finally:
            browser.close()
