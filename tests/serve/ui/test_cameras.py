"""The cameras' pages: added and tried, zones drawn by mouse and keys, hours, conflicts, roles."""

import re

import pytest
from rtsp_server import RtspServer, require_rtsp_server

from serve.network import SAMPLE

expect = pytest.importorskip("playwright.sync_api").expect
HIDDEN = "p@ss/w0rd?"
KERB = {
    "name": "kerb", "kind": "no_parking", "dwell_s": 300.0,
    "polygon": [[0.2, 0.4], [0.8, 0.4], [0.8, 0.9], [0.2, 0.9]],
}  # fmt: skip


@pytest.fixture(scope="module", autouse=True)
def cameras_on_this_machine():
    """The RTSP server of these tests lies where cameras otherwise may not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CITYEYE_CAMERA_ALLOW_LOOPBACK", "1")
        yield


@pytest.fixture(scope="module")
def integrator(cameras_on_this_machine, module_site):  # noqa: ARG001 - the setting comes first
    return module_site.api("integrator")


@pytest.fixture(scope="module")
def sample(integrator):
    """The camera of the samples, watched no more; it left findings, counts and a picture."""
    (camera,) = integrator.get("cameras", params={"text": "Sample street"}).json()["items"]
    return integrator.post(f"cameras/{camera['id']}/disable").raise_for_status().json()


@pytest.fixture(scope="module")
def opened(integrator, module_site):  # noqa: ARG001 - the settings come first
    return module_site.page("integrator", "/cameras")


@pytest.fixture
def page(site, opened):  # noqa: ARG001 - what it does wrong fails the test
    """One page for all of it: to sign in anew each time takes longer than the tests."""
    return opened


def added(integrator, code, **changes):
    body = {
        "code": code, "name": f"Camera {code}", "address": "sample:street", "zones": [KERB],
        **changes,
    }  # fmt: skip
    answer = integrator.post("cameras", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


def now(integrator, camera):
    return integrator.get(f"cameras/{camera['id']}").raise_for_status().json()


def save(page, button="Save the zones", key=None):
    """Save, and wait for the answer: the words of an earlier saving may still stand there."""
    with page.expect_response(lambda answer: answer.request.method == "PATCH" and answer.ok):
        found = page.get_by_role("button", name=button)
        found.press(key) if key else found.click()
    page.get_by_text("The zones are saved").last.wait_for()


def zones_of(page, camera):
    """Open a camera's zones and wait until they can be drawn on."""
    page.goto(f"/cameras/{camera['id']}/zones")
    page.locator(".picture canvas").first.wait_for()
    page.wait_for_load_state("networkidle")


def click_at(page, x, y, *, double=False):
    """Click on the picture at shares of the frame, which fills its box from side to side."""
    box = page.get_by_role("application").bounding_box()
    width, height = box["width"], box["width"] * 9 / 16
    left, top = box["x"], box["y"] + (box["height"] - height) / 2
    if height > box["height"]:
        width, height = box["height"] * 16 / 9, box["height"]
        left, top = box["x"] + (box["width"] - width) / 2, box["y"]
    click = page.mouse.dblclick if double else page.mouse.click
    click(left + x * width, top + y * height)


def test_a_camera_is_tried_drawn_on_and_added(page, integrator, axe):
    page.goto("/cameras/new")
    page.get_by_label("Address", exact=True).fill("sample:street")
    page.get_by_role("button", name="Test the connection").click()
    page.get_by_text("The test succeeded").wait_for()
    page.get_by_label("Code").fill("44011500081320000077")
    page.get_by_text("area 44011500 · industry 08 city management · type 132 IP camera").wait_for()
    page.get_by_label("Name", exact=True).fill("New corner 新路口")
    page.get_by_label("Longitude").fill("113.53")
    page.get_by_label("Latitude").fill("22.79")
    page.get_by_role("button", name="Add the camera").click()
    page.get_by_text("Draw at least one zone").wait_for()
    page.get_by_role("button", name="Draw it").click()
    page.get_by_text("Drawing “No parking 1”").wait_for()
    corners = [(0.3, 0.5), (0.6, 0.5), (0.6, 0.8)]
    for x, y in corners:
        click_at(page, x, y)
    click_at(page, 0.3, 0.8, double=True)
    page.get_by_role("button", name="No parking 1 No parking", exact=True).wait_for()
    page.get_by_label("Have it watched at once").uncheck()
    assert axe(page) == []
    page.get_by_role("button", name="Add the camera").click()
    page.wait_for_url(re.compile(r"/cameras/[0-9a-f-]{36}$"))
    page.get_by_role("heading", name="New corner 新路口").wait_for()
    made = integrator.get(f"cameras/{page.url.rsplit('/', 1)[1]}").json()
    assert (made["code"], made["enabled"]) == ("44011500081320000077", False)
    assert made["location"] == {"lon": 113.53, "lat": 22.79}
    (zone,) = made["zones"]
    assert len(zone["polygon"]) == 4
    for (x, y), (wanted_x, wanted_y) in zip(zone["polygon"], [*corners, (0.3, 0.8)], strict=True):
        assert (x, y) == pytest.approx((wanted_x, wanted_y), abs=0.01)


def test_a_password_is_told_wrong_then_right_and_never_shown(page, integrator):
    require_rtsp_server()
    with RtspServer(SAMPLE, user="viewer", password=HIDDEN) as server:
        page.goto("/cameras/new")
        bare = f"rtsp://127.0.0.1:{server.port}/stream"
        page.get_by_label("Address", exact=True).fill(f"rtsp://viewer:wrong@{bare[7:]}")
        assert page.get_by_label("Address", exact=True).input_value() == bare
        assert page.get_by_label("User", exact=True).input_value() == "viewer"
        page.get_by_role("button", name="Test the connection").click()
        page.get_by_text("It refuses access: check user, password and rights.").wait_for()
        page.get_by_label("Password", exact=True).fill(HIDDEN)
        page.get_by_role("button", name="Test the connection").click()
        page.get_by_text("The test succeeded").wait_for()
        page.get_by_text("H264").wait_for()
        camera = added(integrator, "rtsp", address="rtsp://a:b@127.0.0.1:1/x")
        page.goto(f"/cameras/{camera['id']}/settings")
        page.get_by_text("rtsp://***@127.0.0.1:1/x").wait_for()
        page.get_by_label("Replace address or password").check()
        page.get_by_label("Address", exact=True).fill(bare)
        page.get_by_label("User", exact=True).fill("viewer")
        page.get_by_label("Password", exact=True).fill(HIDDEN)
        page.get_by_role("button", name="Save the settings").click()
        page.get_by_text("The settings are saved").wait_for()
        page.get_by_text(f"rtsp://***@{bare[7:]}").wait_for()
        assert HIDDEN not in page.content()
        assert page.get_by_label("Password", exact=True).count() == 0
        # The one that was kept is the one that works.
        page.get_by_role("button", name="Test the connection").click()
        page.get_by_text("The test succeeded").wait_for()


def test_zones_are_drawn_and_changed_by_keys_alone(page, integrator):
    camera = added(integrator, "keys")
    zones_of(page, camera)
    page.get_by_role("combobox", name="Add", exact=True).select_option("truck_gate")
    page.get_by_role("button", name="Place in the middle").press("Enter")
    page.get_by_text("Corner 1 of 4").wait_for()
    page.get_by_role("button", name="Next corner").press("Enter")
    page.get_by_text("Corner 2 of 4").wait_for()
    page.get_by_role("application").press("Shift+ArrowRight")
    page.get_by_role("application").press("+")
    page.get_by_text("of 5").wait_for()
    page.get_by_role("application").press("Control+z")
    page.get_by_text("of 4").wait_for()
    page.get_by_role("button", name="Set the site’s side").press("Enter")
    page.get_by_role("button", name="Unset it").wait_for()
    page.get_by_label("Name", exact=True).fill("north gate")
    save(page, key="Enter")
    kerb, gate = now(integrator, camera)["zones"]
    assert kerb["polygon"] == KERB["polygon"]
    assert (gate["name"], gate["kind"], len(gate["polygon"])) == ("north gate", "truck_gate", 4)
    left, right = gate["polygon"][0][0], gate["polygon"][1][0]
    assert right - left > 0.25, "the second corner went right"
    middle = sum(x for x, _ in gate["polygon"]) / 4
    assert gate["inward"][0] == pytest.approx(middle, abs=0.01)


def test_hours_over_midnight_and_dwell_by_class(page, integrator):
    camera = added(integrator, "hours")
    zones_of(page, camera)
    page.get_by_role("button", name="kerb No parking", exact=True).click()
    page.get_by_role("button", name="Add hours").click()
    page.get_by_label("From 1").fill("22:00")
    page.get_by_label("To 1").fill("22:00")
    page.get_by_text("It begins when it ends").wait_for()
    page.get_by_role("button", name="Save the zones").click()
    page.get_by_text("Mend what is marked first").wait_for()
    page.get_by_label("To 1").fill("06:00")
    page.get_by_text("next day").wait_for()
    page.get_by_role("button", name="Add hours").click()
    page.get_by_label("From 2").fill("11:30")
    page.get_by_label("To 2").fill("00:00")
    page.get_by_label("Dwell, seconds", exact=True).fill("0")
    page.get_by_text("More than 0 and at most 86,400 seconds").wait_for()
    page.get_by_label("Dwell, seconds", exact=True).fill("120")
    page.get_by_role("combobox", name="Add a class").select_option("bus")
    page.get_by_label("Dwell, seconds: Bus").fill("45")
    page.get_by_label("Jurisdiction").select_option("carriageway")
    save(page)
    (zone,) = now(integrator, camera)["zones"]
    assert zone["active_hours"] == ["22:00-06:00", "11:30-24:00"]
    assert (zone["dwell_s"], zone["dwell_s_by_class"]) == (120, {"bus": 45})
    assert zone["jurisdiction"] == "carriageway"


def test_masks_and_what_was_deleted_come_back(page, integrator):
    camera = added(integrator, "masks")
    zones_of(page, camera)
    page.get_by_role("combobox", name="Add", exact=True).select_option("mask")
    page.get_by_role("button", name="Place in the middle").click()
    page.get_by_text("What is masked is black").wait_for()
    page.get_by_role("button", name="Delete “kerb”").click()
    page.get_by_text("There are unsaved changes").wait_for()
    page.get_by_role("button", name="Undo", exact=True).first.click()
    page.get_by_role("button", name="kerb No parking", exact=True).wait_for()
    save(page)
    after = now(integrator, camera)
    assert after["zones"] == camera["zones"]
    (mask,) = after["privacy_masks"]
    assert len(mask) == 4
    page.get_by_role("button", name="Delete “Privacy mask 1”").click()
    save(page)
    assert now(integrator, camera)["privacy_masks"] == []


def test_somebody_else_was_quicker(page, integrator):
    camera = added(integrator, "conflict")
    path, anyhow = f"cameras/{camera['id']}", {"If-Match": "*"}
    zones_of(page, camera)
    page.get_by_role("button", name="kerb No parking", exact=True).click()
    page.get_by_label("Dwell, seconds", exact=True).fill("77")
    theirs = [{**KERB, "name": "kerb", "dwell_s": 555}]
    integrator.patch(path, json={"zones": theirs, "name": "Theirs"}, headers=anyhow)
    page.get_by_role("button", name="Save the zones").click()
    dialog = page.get_by_role("dialog", name="Somebody else changed this camera")
    dialog.get_by_text("kerb (No parking, 555 s)").wait_for()
    dialog.get_by_role("button", name="Back to editing").click()
    assert page.get_by_label("Dwell, seconds", exact=True).input_value() == "77"
    page.get_by_role("button", name="Save the zones").click()
    save(page, "Save mine over it")
    after = now(integrator, camera)
    assert (after["zones"][0]["dwell_s"], after["name"]) == (77, "Theirs")
    # What others changed elsewhere is no conflict, and stays.
    page.get_by_label("Dwell, seconds", exact=True).fill("88")
    integrator.patch(path, json={"direction": "north"}, headers=anyhow)
    save(page)
    after = now(integrator, camera)
    assert (after["zones"][0]["dwell_s"], after["direction"]) == (88, "north")


def test_what_the_service_refuses_is_told_and_nothing_is_lost(page, integrator):
    camera = added(integrator, "refused")
    page.goto(f"/cameras/{camera['id']}/settings")
    page.get_by_label("Name", exact=True).fill("Kept name")
    page.get_by_label("Time zone").fill("Mars/Base")
    page.get_by_role("button", name="Save the settings").click()
    page.get_by_text("no IANA time zone").first.wait_for()
    assert page.get_by_label("Name", exact=True).input_value() == "Kept name"
    page.get_by_label("Time zone").fill("Asia/Urumqi")
    page.get_by_role("button", name="Save the settings").click()
    page.get_by_text("The settings are saved").wait_for()
    after = now(integrator, camera)
    assert (after["name"], after["timezone"]) == ("Kept name", "Asia/Urumqi")


def test_a_camera_file_goes_out_and_comes_in(page, integrator):
    camera = added(integrator, "file", privacy_masks=[KERB["polygon"]])
    other = added(integrator, "file-2", zones=[{**KERB, "name": "other"}])
    zones_of(page, camera)
    with page.expect_download() as download:
        page.get_by_role("link", name="Export as YAML").click()
    assert download.value.suggested_filename == "file.yaml"
    zones_of(page, other)
    page.locator("input[type=file]").set_input_files(download.value.path())
    page.get_by_text("The file’s zones are here").wait_for()
    save(page)
    after = now(integrator, other)
    assert after["zones"] == camera["zones"]
    assert after["privacy_masks"] == camera["privacy_masks"]


def test_watching_begins_and_ends_and_a_camera_is_deleted(page, integrator):
    camera = added(integrator, "turned")
    page.goto(f"/cameras/{camera['id']}")
    page.get_by_role("button", name="Enable").click()
    page.get_by_text("is watched from now on").wait_for()
    assert now(integrator, camera)["enabled"]
    page.get_by_role("button", name="Disable").click()
    page.get_by_text("is watched no more").first.wait_for()
    assert not now(integrator, camera)["enabled"]
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="No, go back").click()
    assert now(integrator, camera)["code"] == "turned"
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_url("**/cameras")
    assert integrator.get(f"cameras/{camera['id']}").status_code == 404


def test_many_are_imported_and_bad_rows_are_named(page, integrator):
    page.goto("/cameras/import")
    header = "code,name,address,zones\n"
    zones = '"[{""name"": ""z"", ""kind"": ""no_parking"", ""polygon"": [[0,0],[1,0],[1,1]]}]"'
    good = "".join(f"many-{n},Many {n},sample:street,{zones}\n" for n in range(150))
    bad = header + f"many-a,A,sample:street,{zones}\nno spaces,B,ftp://x,[]\n"
    upload = page.locator("input[type=file]")
    upload.set_input_files({"name": "bad.csv", "mimeType": "text/csv", "buffer": bad.encode()})
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("no camera was added").wait_for()
    assert page.get_by_role("cell", name="2", exact=True).count() >= 1
    assert page.get_by_role("cell", name="1", exact=True).count() == 0
    upload.set_input_files(
        {"name": "good.csv", "mimeType": "text/csv", "buffer": (header + good).encode()}
    )
    page.get_by_text("good.csv: 150 rows").wait_for()
    page.get_by_role("button", name="Import", exact=True).click()
    page.get_by_text("150 cameras are added").wait_for()
    page.get_by_role("link", name="See the list").click()
    tiles = page.get_by_role("list", name="List of cameras").get_by_role("listitem")
    tiles.first.wait_for()
    assert tiles.count() < 150
    while tiles.count() < integrator.get("cameras/counts").json()["total"]:
        before = tiles.count()
        page.mouse.move(700, 500)
        page.mouse.wheel(0, 20_000)
        tiles.nth(before).wait_for(state="attached")
    page.get_by_label("Name or code").fill("many-14")
    page.wait_for_url("**text=many-14*")
    expect(tiles).to_have_count(11)
    page.reload()
    expect(tiles).to_have_count(11)
    page.get_by_label("Name or code").fill("nothing like it")
    page.get_by_role("button", name="Clear the filters").click()
    expect(tiles).to_have_count(60)


def test_the_list_is_narrowed_by_health(page, sample):
    page.goto("/cameras?text=Sample%20street")
    page.get_by_role("button", name=re.compile("Not watched")).click()
    page.wait_for_url("**health=unwatched*")
    tile = page.get_by_role("link", name=re.compile(sample["name"]))
    tile.wait_for()
    picture = tile.locator("img")
    width = picture.evaluate("async image => (await image.decode(), image.naturalWidth)")
    assert width == 320
    tile.click()
    page.get_by_role("heading", name=sample["name"]).wait_for()
    page.go_back()
    page.get_by_role("button", name=re.compile("Not watched"), pressed=True).wait_for()


def test_what_the_rules_saw_and_what_happened(page, sample, integrator):
    page.goto(f"/cameras/{sample['id']}")
    page.get_by_text("Enable it to have it watched.").wait_for()
    page.get_by_role("heading", name="Muck trucks through the gates").wait_for()
    gates = integrator.get(f"cameras/{sample['id']}/activity").json()["gates"]
    hours = page.get_by_role("row", name=re.compile("site gate"))
    expect(hours).to_have_count(len(gates["site gate"]))
    page.get_by_role("link", name="Events").click()
    events = integrator.get(f"cameras/{sample['id']}/events").json()["items"]
    expect(page.get_by_role("row")).to_have_count(len(events) + 1)
    page.get_by_role("button", name="Fault", exact=True).click()
    page.wait_for_url("**kind=fault*")
    page.get_by_text("No events").wait_for()


def test_nothing_is_asked_while_nobody_looks(site, sample):
    page = site.page("reviewer", "/")
    page.clock.install()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    with page.expect_response("**/activity"):
        page.goto(f"/cameras/{sample['id']}")
    with page.expect_response("**/activity"):
        page.clock.run_for(11_000)
    hide = "Object.defineProperty(document, 'hidden', {value: %s, configurable: true});"
    tell = "document.dispatchEvent(new Event('visibilitychange'))"
    page.wait_for_load_state("networkidle")
    page.evaluate(hide % "true" + tell)
    asked.clear()
    page.clock.run_for(120_000)
    assert [url for url in asked if "/api/" in url] == []
    with page.expect_response("**/activity"):
        page.evaluate(hide % "false" + tell)
        page.clock.run_for(1_000)
    page.context.close()


def test_reviewers_see_and_change_nothing(site, sample, axe):
    page = site.page("reviewer", "/cameras")
    page.get_by_role("heading", name="Cameras").wait_for()
    assert page.get_by_role("link", name="Add a camera").count() == 0
    zones_of(page, sample)
    page.get_by_role("button", name=re.compile("^kerb lane")).click()
    assert page.get_by_label("Name", exact=True).is_disabled()
    for name in ("Save the zones", "Draw it", "Delete", "Enable", "Watch again"):
        assert page.get_by_role("button", name=name).count() == 0, name
    assert axe(page) == []
    page.goto(f"/cameras/{sample['id']}/settings")
    assert page.get_by_label("Name", exact=True).is_disabled()
    assert page.get_by_role("button", name="Test the connection").count() == 0
    page.context.close()


@pytest.mark.parametrize(("language", "dark", "size"), [
    ("zh", False, (390, 844)), ("en", True, (820, 1180)), ("zh", True, (1440, 900)),
])  # fmt: skip
def test_both_languages_light_and_dark_narrow_and_wide(site, sample, axe, language, dark, size):
    page = site.page("supervisor", "/cameras", language=language, dark=dark, size=size)
    path = f"/cameras/{sample['id']}"
    for where in (
        "/cameras", path, f"{path}/zones", f"{path}/settings", f"{path}/events", "/cameras/new",
        "/cameras/import",
    ):  # fmt: skip
        page.goto(where)
        page.get_by_role("heading", level=1).first.wait_for()
        page.wait_for_load_state("networkidle")
        assert axe(page) == [], where
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{where} is {wide} px too wide"
    page.context.close()


def test_the_place_is_chosen_on_the_orthophoto(page, integrator):
    camera = added(integrator, "placed")
    (site, *_) = integrator.get("sites").json()["items"]
    ring = site["area"]["coordinates"][0]
    page.goto(f"/cameras/{camera['id']}/settings")
    page.get_by_role("button", name="Choose on the orthophoto").click()
    dialog = page.get_by_role("dialog", name="Choose the place on the orthophoto")
    dialog.get_by_role("application").click(position={"x": 300, "y": 100})
    dialog.get_by_role("button", name="Take this place").click()
    dialog.wait_for(state="hidden")
    page.get_by_role("button", name="Save the settings").click()
    page.get_by_text("The settings are saved").last.wait_for()
    place = now(integrator, camera)["location"]
    west, south = (min(point[k] for point in ring) for k in (0, 1))
    east, north = (max(point[k] for point in ring) for k in (0, 1))
    assert west - 0.01 < place["lon"] < east + 0.01
    assert south - 0.01 < place["lat"] < north + 0.01
    middle = ((west + east) / 2, (south + north) / 2)
    assert (place["lon"], place["lat"]) != pytest.approx(middle, abs=1e-6), "the click moved it"
