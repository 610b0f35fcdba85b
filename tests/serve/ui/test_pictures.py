"""Pictures of the real pages, as the README shows them.

``CITYEYE_TEST_PICTURES=docs/images`` writes them there; else they are made and thrown away. All
that is seen on them is computed: the samples hold no real place and nobody real.
"""

import os
from pathlib import Path

import pytest

SIZE = (1440, 860)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    """The folder that the pictures go to."""
    folder = Path(os.environ.get("CITYEYE_TEST_PICTURES") or tmp_path_factory.mktemp("pictures"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def first(site, path, **query):
    return site.api("admin").get(path, params=query).raise_for_status().json()["items"][0]["id"]


def take(page, path):
    page.wait_for_load_state("networkidle")
    # Maps are drawn after their data came.
    page.wait_for_timeout(1_500)
    page.screenshot(path=path, type="jpeg", quality=80)
    assert path.stat().st_size > 20_000


@pytest.mark.parametrize("language", ["en", "zh"])
def test_a_survey_finding_under_review(site, pictures, language):
    finding = first(site, "findings", kind="new_structure", limit=1)
    page = site.page("reviewer", f"/review/{finding}", language=language, size=SIZE)
    page.locator(f"[data-shown='{finding}']").first.wait_for()
    take(page, pictures / f"ui-review-{language}.jpg")


def test_a_camera_finding_under_review(site, pictures):
    finding = first(site, "findings", kind="illegal_parking", limit=1)
    page = site.page("reviewer", f"/review/{finding}", size=SIZE, dark=True)
    page.locator(f"[data-shown='{finding}']").first.wait_for()
    take(page, pictures / "ui-review-camera.jpg")


def test_zones_on_a_camera_s_picture(site, pictures):
    camera = first(site, "cameras", limit=1)
    page = site.page("integrator", f"/cameras/{camera}/zones", size=SIZE)
    page.locator("canvas").first.wait_for()
    take(page, pictures / "ui-zones.jpg")


@pytest.mark.parametrize("name", ["map", "dashboard"])
def test_a_page(site, pictures, name):
    page = site.page("supervisor", f"/{name}", size=SIZE)
    page.get_by_role("heading", level=1).first.wait_for()
    take(page, pictures / f"ui-{name}.jpg")
