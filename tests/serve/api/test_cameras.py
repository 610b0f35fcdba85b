"""The cameras' API by real requests: who may, what is refused, what is never shown."""

import json

import pytest
import sqlalchemy as sa

from serve.api.access import Role
from serve.db.tables import CameraRow, LedgerEntry
from serve.service import Service
from serve.watching.opening import address_of
from tests.serve.conftest import settings_for, sign_in

HIDDEN = "hunter2"
ADDRESS = f"rtsp://admin:{HIDDEN}@10.0.0.8:554/ch1?token={HIDDEN}"
ZONE = {
    "name": "kerb", "kind": "no_parking", "dwell_s": 60,
    "polygon": [[0.2, 0.4], [0.8, 0.4], [0.8, 1.0], [0.2, 1.0]],
}  # fmt: skip


@pytest.fixture
def service(tmp_path, any_database_url):
    made = Service(
        settings_for(tmp_path, camera_networks="10.0.0.0/8", database_url=any_database_url)
    )
    yield made
    made.close()


@pytest.fixture
def integrator(service):
    return sign_in(service, Role.INTEGRATOR)


def content(**changes):
    return {
        "code": "44011500081320000001", "name": "Jinlong Road 金龙路", "address": ADDRESS,
        "location": {"lon": 113.53, "lat": 22.79}, "zones": [ZONE], **changes,
    }  # fmt: skip


def created(integrator, **changes):
    answer = integrator.post("cameras", json=content(**changes))
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_a_camera_is_added_read_changed_and_deleted(service, integrator):
    answer = integrator.post("cameras", json=content())
    made = answer.json()
    assert answer.headers["Location"] == f"/api/v1/cameras/{made['id']}"
    assert made["address"] == "rtsp://***@10.0.0.8:554/ch1?***"
    assert (made["health"], made["enabled"]) == ("unwatched", False)
    read = integrator.get(f"cameras/{made['id']}")
    assert read.json() == made
    tag = read.headers["ETag"]
    path = f"cameras/{made['id']}"
    assert integrator.patch(path, json={"name": "B"}).status_code == 428
    mask = [[0, 0], [0.2, 0], [0.2, 0.2]]
    changed = integrator.patch(
        path, json={"name": "B", "privacy_masks": [mask]}, headers={"If-Match": tag}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["name"], changed.json()["privacy_masks"]) == ("B", [mask])
    assert changed.json()["zones"] == made["zones"]
    stale = integrator.patch(path, json={"name": "C"}, headers={"If-Match": tag})
    assert stale.status_code == 412
    tag = changed.headers["ETag"]
    assert integrator.delete(path, headers={"If-Match": tag}).status_code == 204
    assert integrator.get(path).status_code == 404
    assert integrator.get("cameras").json()["items"] == []
    # The code is free again, and what was sealed is gone.
    created(integrator)
    with service.database.read() as session:
        gone = session.get(CameraRow, made["id"])
    assert gone.sealed_address == b""


def test_the_password_is_nowhere(service, integrator, capfd):
    made = created(integrator, enabled=True)
    path = f"cameras/{made['id']}"
    texts = [json.dumps(made)]
    other = f"http://u:{HIDDEN}@10.0.0.9/snap?pw={HIDDEN}"
    for answer in (
        integrator.get(path), integrator.get("cameras"), integrator.get(f"{path}/events"),
        integrator.get(f"{path}/activity"),
        integrator.patch(path, json={"address": other}, headers={"If-Match": "*"}),
        integrator.patch(path, json={"address": f"rtsp://u:{HIDDEN}@8.8.8.8/x"},
                         headers={"If-Match": "*"}),
        integrator.post("cameras", json=content(address=f"ftp://{HIDDEN}@10.0.0.1/{HIDDEN}")),
        integrator.post("cameras", json=content(address=f"rtsp://a:{HIDDEN}@127.1/{HIDDEN}=")),
        integrator.post("cameras/import", json={"cameras": [content(code="x", address=HIDDEN)]}),
        integrator.post("cameras/import", json={"csv": f"code,address,zones\nq,{HIDDEN},[\n"}),
    ):  # fmt: skip
        texts += [answer.text, str(answer.headers)]
    with service.database.read() as session:
        texts += [entry.detail for entry in session.scalars(sa.select(LedgerEntry))]
        row = session.get(CameraRow, made["id"])
        assert address_of(row, service.settings).url == other
    texts += list(capfd.readouterr())
    for text in texts:
        assert HIDDEN not in text
    service.database.close()
    for file in (service.settings.data_dir).rglob("*"):
        if file.is_file():
            assert HIDDEN.encode() not in file.read_bytes(), file


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"address": "rtsp://127.0.0.1/x"}, "this machine"),
        ({"address": "rtsp://[::ffff:7f00:1]/x"}, "this machine"),
        ({"address": "http://2852039166/latest/meta-data"}, "metadata"),
        ({"address": "rtsp://8.8.8.8/x"}, "CITYEYE_CAMERA_NETWORKS"),
        ({"address": "file:///etc/passwd"}, "begins with"),
        ({"zones": []}, "zones"),
        ({"zones": [ZONE, ZONE]}, "two zones"),
        ({"zones": [{**ZONE, "polygon": [[0, 0], [1, 1], [0, 1], [1, 0]]}]}, "crosses"),
        ({"zones": [{**ZONE, "name": "a\0b"}]}, "control"),
        ({"zones": [{**ZONE, "dwel_s": 3}]}, "dwel_s"),
        ({"zones": [{**ZONE, "inward": [1e308, 0]}]}, "large"),
        ({"zones": [{**ZONE, "polygon": [[0.1, 0.1]] * 300}]}, "entries"),
        ({"name": "a\0"}, "control"),
        ({"name": ""}, "name"),
        ({"code": "a/../b"}, "code"),
        ({"timezone": "Mars/Base"}, "IANA"),
        ({"timezone": "America"}, "IANA"),
        ({"thresholds": {"spaceship": 0.5}}, "knows no class spaceship"),
        ({"tiles": 10**30}, "large"),
        ({"location": {"lon": 999, "lat": 0}}, "lon"),
        ({"secret": 1}, "secret"),
    ],
)
def test_what_cannot_be_added(integrator, changes, word):
    answer = integrator.post("cameras", json=content(**changes))
    assert answer.status_code == 422, answer.text
    assert word in answer.text
    assert integrator.get("cameras").json()["items"] == []


@pytest.mark.parametrize("text", ['{"name": NaN}', '{"tiles": 1e999}', "[" * 5000, "null", "{}"])
def test_malformed_bodies_are_refused(integrator, text):
    made = created(integrator)
    headers = {"Content-Type": "application/json", "If-Match": "*"}
    for method, path in (("POST", "cameras"), ("PATCH", f"cameras/{made['id']}"),
                         ("POST", "cameras/import")):  # fmt: skip
        answer = integrator.request(method, path, content=text, headers=headers)
        assert answer.status_code in (400, 422), answer.text


def test_codes_are_unique_and_a_repeated_request_adds_nothing(integrator):
    key = {"Idempotency-Key": "once"}
    first = integrator.post("cameras", json=content(), headers=key)
    again = integrator.post("cameras", json=content(), headers=key)
    assert first.json() == again.json()
    assert integrator.post("cameras", json=content()).status_code == 409
    assert len(integrator.get("cameras").json()["items"]) == 1


def test_enabling_and_changing_open_new_epochs(service, integrator):
    made = created(integrator)
    path = f"cameras/{made['id']}"

    def epoch():
        with service.database.read() as session:
            return session.get(CameraRow, made["id"]).watch_epoch

    assert epoch() == 0
    assert integrator.post(f"{path}/enable").json()["health"] == "starting"
    assert epoch() == 1
    integrator.post(f"{path}/enable")
    assert epoch() == 1
    integrator.patch(path, json={"direction": "north"}, headers={"If-Match": "*"})
    assert epoch() == 2
    assert integrator.post(f"{path}/disable").json()["health"] == "unwatched"
    assert epoch() == 3
    actions = [entry["action"] for entry in ledger_of(service)]
    assert actions == ["camera.create", "camera.enable", "camera.update", "camera.disable"]


def ledger_of(service):
    with service.database.read() as session:
        return [
            {"action": e.action, "detail": e.detail}
            for e in session.scalars(sa.select(LedgerEntry).order_by(LedgerEntry.number))
        ]


def test_the_list_is_filtered_and_paged(integrator):
    for number in range(5):
        created(integrator, code=f"cam-{number}", name=f"Gate {number} 100%", enabled=number < 2)
    everything = [each["code"] for each in integrator.get("cameras").json()["items"]]
    assert sorted(everything) == [f"cam-{n}" for n in range(5)]
    paged, cursor = [], None
    while True:
        page = integrator.get(
            "cameras", params={"limit": 2, **({"cursor": cursor} if cursor else {})}
        )
        paged += [each["code"] for each in page.json()["items"]]
        cursor = page.json()["next"]
        if cursor is None:
            break
    assert paged == everything
    for query, count in (
        ({"enabled": True}, 2), ({"health": "unwatched"}, 3), ({"text": "gate 3"}, 1),
        ({"text": "%"}, 5), ({"text": "_"}, 0), ({"text": "'; DROP TABLE cameras; --"}, 0),
    ):  # fmt: skip
        assert len(integrator.get("cameras", params=query).json()["items"]) == count, query
    assert integrator.get("cameras", params={"text": "\0"}).status_code == 422
    assert integrator.get("cameras", params={"health": "odd"}).status_code == 422


def csv_of(*rows):
    zones = json.dumps([ZONE]).replace('"', '""')
    lines = ["code,name,address,lon,lat,zones,enabled"]
    lines += [
        f'{code},{name},{address},113.5,22.7,"{zones}",{on}' for code, name, address, on in rows
    ]
    return "\ufeff" + "\r\n".join(lines) + "\r\n"


def test_an_import_is_all_or_nothing_and_names_every_bad_row(integrator):
    good = ("a-1", "Gate 1", "rtsp://u:p@10.0.0.1/s", "true")
    bad = [
        ("a-2", "Gate 2", "rtsp://8.8.8.8/s", "false"), ("a 3", "Gate 3", "rtsp://10.0.0.3/s", ""),
        ("a-1", "Gate 4", "rtsp://10.0.0.4/s", "no"),
        ("a-5", "Gate 5", "rtsp://10.0.0.5/s", "perhaps"),
    ]  # fmt: skip
    answer = integrator.post("cameras/import", json={"csv": csv_of(good, *bad)})
    assert answer.status_code == 422
    rows = {part["where"].split("/")[2] for part in answer.json()["parts"]}
    assert rows == {"row 2", "row 3", "row 4", "row 5"}
    assert integrator.get("cameras").json()["items"] == []
    answer = integrator.post("cameras/import", json={"csv": csv_of(good)})
    assert answer.status_code == 201, answer.text
    (made,) = answer.json()["cameras"]
    assert (made["code"], made["enabled"], made["location"]["lat"]) == ("a-1", True, 22.7)
    again = integrator.post("cameras/import", json={"cameras": [content(code="a-1")]})
    assert again.status_code == 422
    assert "row 1" in again.text
    many = [content(code=f"b-{n}", address=f"rtsp://10.0.1.{n}/s") for n in range(30)]
    assert integrator.post("cameras/import", json={"cameras": many}).status_code == 201
    assert len(integrator.get("cameras", params={"limit": 200}).json()["items"]) == 31


@pytest.mark.parametrize(
    "body",
    [{}, {"csv": "", "cameras": []}, {"csv": ""}, {"cameras": []}, {"csv": "nonsense\nx"},
     {"csv": 'code,name\n"a'}, {"csv": "code,zones\na," + "[" * 3000},
     {"csv": "code,name\na,b,c"}, {"csv": "code\0"}],
)  # fmt: skip
def test_imports_that_hold_nothing_usable(integrator, body):
    answer = integrator.post("cameras/import", json=body)
    assert answer.status_code == 422, answer.text


def test_roles(service):
    made = created(sign_in(service, Role.INTEGRATOR))
    path = f"cameras/{made['id']}"
    for role in (Role.OPERATOR, Role.REVIEWER, Role.AUDITOR):
        other = sign_in(service, role)
        assert other.get(path).status_code == 200
        assert other.get(f"{path}/events").status_code == 200
        for answer in (
            other.post("cameras", json=content(code="other")), other.post(f"{path}/enable"),
            other.post(f"{path}/disable"), other.post(f"{path}/test"),
            other.post("cameras/import", json={"cameras": [content(code="z")]}),
            other.patch(path, json={"name": "x"}, headers={"If-Match": "*"}),
            other.delete(path, headers={"If-Match": "*"}),
        ):  # fmt: skip
            assert answer.status_code == 403


def test_what_is_not_there(integrator):
    nobody = "00000000-0000-7000-8000-000000000000"
    for path in (f"cameras/{nobody}", f"cameras/{nobody}/snapshot", f"cameras/{nobody}/events",
                 f"cameras/{nobody}/activity"):  # fmt: skip
        assert integrator.get(path).status_code == 404
    assert integrator.post(f"cameras/{nobody}/enable").status_code == 404
    for since in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "2026-11-22T00:00:00"):
        answer = integrator.get(f"cameras/{nobody}/events", params={"since": since})
        assert answer.status_code == 422, since
    assert integrator.get("cameras/../etc").status_code in (404, 422)
    made = created(integrator)
    assert integrator.get(f"cameras/{made['id']}/snapshot").status_code == 404
