"""What findings are judged by: surveys held against each other, cameras' pictures and clips."""

import re

import pytest

expect = pytest.importorskip("playwright.sync_api", reason="Playwright is not installed").expect

SHOWN = "[data-shown='{}']"
MAPS = ".survey .pane:not(.second) .map canvas"
# Contexts of the graphics card run out in a long sitting: none may be asked for.
COUNT_CONTEXTS = """
window.webgl = 0;
for (const kind of [HTMLCanvasElement, OffscreenCanvas]) {
  const get = kind.prototype.getContext;
  kind.prototype.getContext = function (name, ...more) {
    if (/webgl|webgpu/.test(name)) window.webgl += 1;
    return get.call(this, name, ...more);
  };
}
"""
# Mean colours of cells over the map, 16 by 9.
CELLS = """(selector) => {
  const canvases = [...document.querySelectorAll(selector)];
  const small = document.createElement('canvas');
  small.width = 16; small.height = 9;
  const context = small.getContext('2d');
  for (const canvas of canvases) context.drawImage(canvas, 0, 0, 16, 9);
  return [...context.getImageData(0, 0, 16, 9).data];
}"""
# How often a viewer shows nothing from now on.
COUNT_EMPTY = """(viewer) => {
  window.emptied = 0;
  const changed = () => { if (!viewer.dataset.shown) window.emptied += 1; };
  new MutationObserver(changed).observe(viewer, { attributeFilter: ['data-shown'] });
}"""
# What was asked for before is drawn after two frames.
DRAWN = """() => new Promise(
  (drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn()))
)"""

GO = "(to) => { history.pushState(null, '', to); dispatchEvent(new PopStateEvent('popstate')) }"


def found(site, kind, **query):
    items = site.api("auditor").get("findings", params={"kind": kind, **query}).json()["items"]
    assert items, f"the samples hold no {kind}"
    return items[0]


def open_finding(site, kind, role="reviewer", **looks):
    page = site.page(role, "/cases", **looks)
    page.context.add_init_script(COUNT_CONTEXTS)
    finding = found(site, kind)
    page.goto(f"/review/{finding['id']}")
    page.locator(SHOWN.format(finding["id"])).wait_for()
    return page, finding


def settled(page, selector=MAPS):
    """The map's colours once all is there and they stay the same over three looks."""
    page.locator(".survey[data-settled=true], .camera").first.wait_for()
    last, same = None, 0
    for _ in range(100):
        page.locator("[aria-busy=true]").first.wait_for(state="detached")
        page.wait_for_timeout(250)
        page.evaluate(DRAWN)
        now = page.evaluate(CELLS, selector)
        still = now == last and any(now) and page.locator("[aria-busy=true]").count() == 0
        same = same + 1 if still else 0
        if same == 2:
            return now
        last = now
    raise AssertionError("the map does not come to rest")


def differing(first, second, columns):
    """How many cells of these columns show something else."""
    return sum(
        max(abs(first[k + c] - second[k + c]) for c in range(3)) > 4
        for row in range(9)
        for k in ((row * 16 + column) * 4 for column in columns)
    )


@pytest.fixture(scope="module")
def survey(module_site):
    answers = []
    page, finding = open_finding(module_site, "new_structure")
    page.on("response", lambda answer: answers.append((answer.status, answer.url)))
    page.reload()
    page.locator(SHOWN.format(finding["id"])).wait_for()
    return page, finding, answers


def test_the_line_between_before_and_after_is_moved(site, survey):
    page, _, _ = survey
    page.keyboard.press("1")
    line = page.get_by_role("slider", name="Line between before and after")
    expect(line).to_have_attribute("aria-valuenow", "50")
    middle = settled(page)
    box = page.locator(".survey .pane:not(.second)").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] / 2, steps=4)
    page.mouse.up()
    expect(line).to_have_attribute("aria-valuenow", "20")
    left = settled(page)
    assert differing(middle, left, range(4, 8)) > 3
    assert differing(middle, left, range(10, 16)) == 0
    line.press("Home")
    expect(line).to_have_attribute("aria-valuenow", "2")
    page.keyboard.press("ArrowRight")
    expect(line).to_have_attribute("aria-valuenow", "6")
    page.locator("h1").first.click()
    for _ in range(9):
        page.keyboard.press("]")
    expect(line).to_have_attribute("aria-valuenow", "51")
    site.check()


def test_blinking_turns_from_one_survey_to_the_other(site, survey):
    page, _, _ = survey
    page.locator("h1").first.click()
    page.keyboard.press("3")
    expect(page.get_by_test_id("shown")).to_contain_text("After 24/10/2026")
    after = settled(page)
    page.keyboard.press("b")
    expect(page.get_by_test_id("shown")).to_contain_text("Before 03/09/2026")
    before = settled(page)
    assert differing(before, after, range(16)) > 10
    page.keyboard.press("b")
    assert differing(settled(page), after, range(16)) == 0
    page.get_by_role("button", name="By itself").click()
    expect(page.get_by_test_id("shown")).to_contain_text("Before", timeout=5_000)
    expect(page.get_by_test_id("shown")).to_contain_text("After", timeout=5_000)
    page.get_by_role("button", name="By itself").click()
    site.check()


def test_side_by_side_shows_the_same_place_twice(site, survey):
    page, _, _ = survey
    page.locator("h1").first.click()
    page.keyboard.press("3")
    page.keyboard.press("b")
    before_alone = page.get_by_test_id("shown").text_content()
    page.keyboard.press("2")
    expect(page.locator(".survey .second")).to_be_visible()
    expect(page.locator(".survey .second .day")).to_contain_text("Before")
    expect(page.get_by_test_id("shown")).to_contain_text("After")
    assert before_alone
    left = settled(page, ".survey .second .map canvas")
    right = settled(page)
    assert differing(left, right, range(5, 11)) > 3
    # Zooming one zooms both.
    page.get_by_role("button", name="Zoom in").click()
    closer = settled(page, ".survey .second .map canvas")
    assert differing(left, closer, range(16)) > 20
    page.get_by_role("button", name="Show all").click()
    page.keyboard.press("1")
    expect(page.locator(".survey .second")).to_be_hidden()
    site.check()


def test_measured_layers_lie_over_the_pictures_with_their_legends(site, survey):
    page, _, _ = survey
    page.locator("h1").first.click()
    page.keyboard.press("3")
    plain = settled(page)
    page.keyboard.press("h")
    page.get_by_text("Height, after").wait_for()
    raised = settled(page)
    assert differing(plain, raised, range(5, 11)) > 3
    page.keyboard.press("h")
    page.keyboard.press("p")
    page.get_by_text("Probability of change").wait_for()
    assert differing(plain, settled(page), range(5, 11)) > 1
    page.keyboard.press("p")
    expect(page.get_by_text("Probability of change")).to_be_hidden()
    assert differing(plain, settled(page), range(16)) == 0
    page.keyboard.press("1")
    site.check()


def test_surveys_come_by_ranges_and_are_decoded_in_workers(site, survey):
    page, _, answers = survey
    settled(page)
    rasters = [(status, url) for status, url in answers if re.search(r"/(ortho|dsm|change)$", url)]
    assert {url.rsplit("/", 1)[1] for _, url in rasters} >= {"ortho", "dsm", "change"}
    assert {status for status, _ in rasters} == {206}
    assert page.workers
    assert page.evaluate("window.webgl") == 0
    site.check()


def test_neighbours_are_shown_and_hidden(site, survey):
    page, _, _ = survey
    page.locator("h1").first.click()
    page.keyboard.press("3")
    for _ in range(3):
        page.keyboard.press("-")
    shown = settled(page)
    page.get_by_role("button", name="Neighbours").click()
    assert differing(shown, settled(page), range(16)) > 0
    page.get_by_role("button", name="Neighbours").click()
    page.get_by_role("button", name="Show all").click()
    page.keyboard.press("1")
    site.check()


@pytest.mark.parametrize(("language", "dark"), [("en", False), ("zh", True)])
@pytest.mark.parametrize("kind", ["new_structure", "illegal_parking"])
def test_the_viewers_are_accessible(site, axe, language, dark, kind):
    page, _ = open_finding(site, kind, language=language, dark=dark)
    within = "'.survey'" if kind == "new_structure" else "'.camera'"
    assert axe(page, within) == []
    page.context.close()


@pytest.fixture
def reviewing(site):
    """A reviewer at the queue of one kind, with its first finding on the screen."""
    pages = []

    def at(kind):
        page = site.page("reviewer", f"/review?kind={kind}")
        pages.append(page)
        page.locator("[data-shown]:not([data-shown=''])").wait_for()
        return page

    yield at
    for page in pages:
        page.context.close()


def test_an_outline_is_edited_and_its_measures_follow(site, reviewing):
    page = reviewing("dust_hotspot")
    page.keyboard.press("e")
    tools = page.get_by_role("toolbar", name="Edit the shape")
    measures = tools.get_by_test_id("measures")
    expect(measures).to_contain_text("m²")
    whole = measures.text_content()
    page.keyboard.press(".")
    expect(tools).to_contain_text("Corner 1 of")
    for _ in range(4):
        page.keyboard.press("Shift+ArrowLeft")
    expect(measures).not_to_have_text(whole)
    corners = int(re.search(r"of (\d+)", tools.text_content())[1])
    page.keyboard.press("+")
    expect(tools).to_contain_text(f"of {corners + 1}")
    page.keyboard.press("Delete")
    expect(tools).to_contain_text(f"{corners} corners")
    for _ in range(6):
        page.keyboard.press("Control+z")
    expect(measures).to_have_text(whole)
    expect(tools.get_by_role("button", name="Undo")).to_be_disabled()
    tools.get_by_role("button", name="Redo").click()
    expect(measures).not_to_have_text(whole)
    site.check()


def test_an_outline_is_moved_with_the_mouse(site, reviewing):
    page = reviewing("new_structure")
    page.keyboard.press("e")
    tools = page.get_by_role("toolbar", name="Edit the shape")
    area = tools.get_by_test_id("measures").text_content()
    page.keyboard.press("3")
    box = page.locator(".survey .pane:not(.second)").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 60, y + 30, steps=5)
    page.mouse.up()
    expect(tools.get_by_role("button", name="Undo")).to_be_enabled()
    # What was moved is as large as before; the geodesic area differs by less than is written.
    expect(tools.get_by_test_id("measures")).to_have_text(area)
    page.keyboard.press("Escape")
    expect(tools).to_be_hidden()
    site.check()


def test_a_box_is_edited_on_the_frame(site, reviewing):
    page = reviewing("muck_truck_overload")
    page.keyboard.press("e")
    tools = page.get_by_role("toolbar", name="Edit the shape")
    measures = tools.get_by_test_id("measures")
    expect(measures).to_contain_text("of the picture")
    before = measures.text_content()
    page.keyboard.press(".")
    expect(tools).to_contain_text("Corner 1 of 4")
    for _ in range(6):
        page.keyboard.press("Shift+ArrowUp")
    expect(measures).not_to_have_text(before)
    expect(tools).to_contain_text("of 4")
    for _ in range(6):
        page.keyboard.press("Control+z")
    expect(measures).to_have_text(before)
    site.check()


def views(site, finding):
    log = site.api("auditor").get("audit", params={"action": "evidence.view"}).json()["items"]
    ids = {piece["id"] for piece in finding["evidence"]}
    return [entry for entry in log if entry["subject"] in ids]


def test_a_camera_finding_shows_its_pictures_its_time_and_its_clip(site):
    page, item = open_finding(site, "illegal_parking")
    finding = site.api("auditor").get(f"findings/{item['id']}").json()
    assert views(site, finding) == []
    pictures = page.get_by_role("group", name="Evidence pictures")
    expect(pictures.get_by_role("button")).to_have_count(3)
    settled(page, ".camera .picture canvas")
    page.keyboard.press("1")
    expect(pictures.get_by_role("button", name="Start")).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("3")
    close = pictures.get_by_role("button", name="Close-up")
    expect(close).to_have_attribute("aria-pressed", "true")
    time = page.get_by_role("region", name="Timeline of the stay")
    expect(time).to_contain_text("First seen")
    expect(time).to_contain_text("Limit reached, 1:00")
    time.get_by_role("button", name="Start").click()
    expect(pictures.get_by_role("button", name="Start")).to_have_attribute("aria-pressed", "true")
    assert views(site, finding) == []
    ranges = []
    page.on("response", lambda answer: ranges.append((answer.status, answer.url)))
    page.keyboard.press("v")
    playing = page.locator("video")
    expect(playing).to_be_visible()
    # Waiting for a script's condition is done by eval in the page, which its policy forbids.
    for _ in range(150):
        if playing.evaluate("(video) => video.currentTime") > 0.4:
            break
        page.wait_for_timeout(200)
    assert playing.evaluate("(video) => video.currentTime") > 0.4
    clip = next(piece for piece in finding["evidence"] if piece["role"] == "clip")
    assert {status for status, url in ranges if clip["id"] in url} <= {200, 206}
    assert [entry["subject"] for entry in views(site, finding)] == [clip["id"]]
    page.keyboard.press("v")
    expect(page.locator("video")).to_have_count(0)
    page.get_by_role("button", name="Show the original").click()
    page.get_by_text("Original under seal (this view is recorded)").wait_for()
    settled(page, ".camera .picture canvas")
    assert len(views(site, finding)) == 2
    page.context.close()
    site.check()


@pytest.mark.parametrize("kind", ["illegal_parking", "new_structure"])
def test_a_finding_read_again_goes_on_as_it_is_looked_at(site, kind):
    page = site.page("reviewer", "/cases")
    finding = found(site, kind)
    waiting, released = [], False
    page.route(
        "**/api/v1/reviews/claims*",
        lambda route: route.continue_() if released else waiting.append(route),
    )
    page.goto(f"/review/{finding['id']}")
    page.locator(SHOWN.format(finding["id"])).wait_for()
    viewer = page.locator(".camera" if kind == "illegal_parking" else ".survey")
    if kind == "illegal_parking":
        page.keyboard.press("v")
        expect(page.locator("video")).to_be_visible()
    viewer.evaluate(COUNT_EMPTY)
    # The finding is read anew once the desk has its claims.
    with page.expect_response(f"**/findings/{finding['id']}"):
        released = True
        for route in waiting:
            route.continue_()
    page.wait_for_load_state("networkidle")
    assert page.evaluate("window.emptied") == 0
    if kind == "illegal_parking":
        expect(page.locator("video")).to_be_visible()
    page.context.close()


def test_who_may_not_see_originals_is_not_offered_them(site):
    page, _ = open_finding(site, "illegal_parking", role="operator")
    sealed = page.locator(".camera .sealed")
    expect(sealed.get_by_role("button", name="Clip")).to_be_disabled()
    expect(sealed.get_by_role("button", name="Show the original")).to_be_disabled()
    page.context.close()


def test_a_long_sitting_leaves_nothing_behind(site):
    page, first = open_finding(site, "new_structure")
    items = site.api("auditor").get("findings", params={"limit": 60}).json()["items"]
    surveys = [item["id"] for item in items if item["comparison_id"]]
    cameras = [item["id"] for item in items if item["camera_id"]]
    canvases = page.locator("canvas").count()
    for turn in range(50):
        wanted = (cameras if turn % 10 == 9 else surveys)[turn % (2 if turn % 10 == 9 else 7)]
        page.evaluate(GO, f"/review/{wanted}")
        page.locator(SHOWN.format(wanted)).wait_for()
    page.evaluate(GO, f"/review/{first['id']}")
    page.locator(SHOWN.format(first["id"])).wait_for()
    settled(page)
    assert page.locator("canvas").count() <= canvases + 1
    assert page.locator(".ol-viewport").count() == 2
    assert len(page.workers) <= 2
    assert page.evaluate("window.webgl") == 0
    page.context.close()
    site.check()
