"""Training sets: what decisions teach, in files that training takes."""

import hashlib
import io
import json
import sys
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
import sqlalchemy as sa
from pyproj import Transformer

from datasets.classes import STREET_CLASSES
from datasets.formats.card import verify_dataset
from datasets.formats.change_pairs import list_change_pairs, read_change_pair
from datasets.formats.coco import read_coco
from datasets.formats.yolo import read_yolo
from serve import service as services
from serve.api.access import Role
from serve.app import make_app
from serve.db.tables import Comparison, ExportRow, FindingRow, LedgerEntry, Survey, utc_now
from serve.exports.pictures import into_splits
from serve.workflows import export as workflow
from vision.survey.raster import open_ortho

from .. import conftest
from ..city import file_of, surveyed, watched

ROOT = Path(__file__).parents[3]
SAMPLE = ROOT / "datasets" / "samples" / "survey"
WIDTH, HEIGHT = 1280, 720


@pytest.fixture
def supervisor(city):
    services.install(city.service)
    return conftest.sign_in(city.service, Role.SUPERVISOR, app=make_app(city.service))


def decide(city, finding_id, state, reason=None, **more):
    with city.writing() as session:
        row = session.get_one(FindingRow, finding_id)
        row.state, row.reject_reason, row.decided_by, row.decided_at = state, reason, "r", utc_now()
        for name, value in more.items():
            setattr(row, name, value)


def watched_with_scene(city, name, box, *, state, reason=None, **more):
    """A camera finding whose original shows a white box at the noted place."""
    left, top, right, bottom = (round(v * s) for v, s in zip(box, (WIDTH, HEIGHT) * 2, strict=True))
    scene = np.full((HEIGHT, WIDTH, 3), 40, np.uint8)
    scene[top:bottom, left:right] = 255
    scene[0, 0] = len(name)
    jpeg = cv2.imencode(".jpg", scene)[1].tobytes()
    original = file_of(jpeg, "sealed_scene_end", sealed=True)
    noted = {"files": [{"sha256": original.evidence.sha256, "box_xyxy": list(box)}]}
    manifest = file_of(json.dumps(noted).encode(), "manifest", media_type="application/json")
    drawn = file_of(jpeg[:-2] + b"x\xff\xd9", "scene_end")
    for file, content in ((original, jpeg), (manifest, json.dumps(noted).encode())):
        city.service.storage.put(file.key, content)
    taken = city.take(
        watched((0.9, 0.9, 0.95, 0.95), name=name, plate=f"粤A{len(name):05}"),
        files=[original, manifest, drawn],
    )
    decide(city, taken.finding_id, state, reason, **more)
    return taken.finding_id


def made(supervisor, form, **filters):
    answer = supervisor.post("exports", json={"form": form, "filters": filters})
    assert answer.status_code == 201, answer.text
    export_id = answer.json()["id"]
    assert workflow.make.__wrapped__(export_id) == "done", supervisor.get(
        f"exports/{export_id}"
    ).json()["problem"]
    return supervisor.get(f"exports/{export_id}").json()


def unpacked(supervisor, export, folder):
    content = supervisor.get(f"exports/{export['id']}/file").content
    assert hashlib.sha256(content).hexdigest() == export["sha256"]
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        packed.extractall(folder)
    (root,) = folder.iterdir()
    verify_dataset(root)
    return root


BOXES = [(0.1, 0.4, 0.2, 0.6), (0.3, 0.2, 0.5, 0.5), (0.6, 0.6, 0.8, 0.9), (0.4, 0.4, 0.6, 0.7)]


@pytest.fixture
def street(city):
    return {
        "confirmed": watched_with_scene(city, "a", BOXES[0], state="confirmed"),
        "in a queue": watched_with_scene(city, "bb", BOXES[1], state="rejected", reason="traffic"),
        "nothing": watched_with_scene(
            city, "ccc", BOXES[2], state="rejected", reason="nothing_there"
        ),
        "corrected": watched_with_scene(
            city, "dddd", BOXES[3], state="confirmed", corrected={"bbox_xyxy": [0.4, 0.4, 0.5, 0.5]}
        ),
        "unclear": watched_with_scene(city, "eeeee", BOXES[0], state="rejected", reason="unclear"),
        "undecided": watched_with_scene(city, "ffffff", BOXES[0], state="suspected"),
    }


def test_a_yolo_export_teaches_what_was_decided_and_training_takes_it(
    city, supervisor, street, tmp_path
):
    export = made(supervisor, "yolo")
    root = unpacked(supervisor, export, tmp_path / "out")
    images = {image.path.stem: image for split in read_yolo(root).values() for image in split}
    assert set(images) == {street[k] for k in ("confirmed", "in a queue", "nothing", "corrected")}
    assert images[street["nothing"]].boxes == ()
    for name in ("confirmed", "in a queue"):
        image = images[street[name]]
        (box,) = image.boxes
        assert box.label == "car"
        left, top, right, bottom = (round(v) for v in box.xyxy)
        pixels = cv2.imread(str(image.path), cv2.IMREAD_GRAYSCALE)
        assert pixels[top + 3 : bottom - 3, left + 3 : right - 3].min() > 200
        assert pixels.mean() < 200  # there is ground around it
    (box,) = images[street["corrected"]].boxes
    assert box.xyxy[2] - box.xyxy[0] == pytest.approx(0.1 * WIDTH, abs=2)
    assert export["counts"]["left_out"] == 1
    sys.path.insert(0, str(ROOT / "scripts"))
    from train_street import split_folder

    for split in ("train", "test"):
        assert split_folder(root, split, STREET_CLASSES).is_dir()
    with city.service.database.read() as session:
        views = session.scalars(
            sa.select(LedgerEntry.actor).where(LedgerEntry.action == "evidence.view")
        ).all()
    assert views == [supervisor.name] * 4


def test_a_coco_export_says_the_same(supervisor, street, tmp_path):
    root = unpacked(supervisor, made(supervisor, "coco"), tmp_path / "out")
    found = {}
    for split in ("train", "test"):
        classes, images = read_coco(root / f"{split}.json", root / "images" / split)
        assert classes == STREET_CLASSES
        assert all(image.path.is_file() for image in images)
        found |= {image.path.stem: len(image.boxes) for image in images}
    assert found == {street["confirmed"]: 1, street["in a queue"]: 1, street["nothing"]: 0,
                     street["corrected"]: 1}  # fmt: skip


def test_change_pairs_show_both_surveys_with_the_reviewed_outline(city, supervisor, tmp_path):
    truth = json.loads((SAMPLE / "truth.geojson").read_text())["features"]
    built = [f for f in truth if f["properties"].get("kind") == "new_structure"][:3]
    places = [shapely.geometry.shape(f["geometry"]) for f in built]
    for key in ("before", "after"):
        city.service.storage.put(f"surveys/{key}.tif", SAMPLE / f"{key}.tif")
    from vision.survey.compare import compare

    comparison = compare(SAMPLE / "before.tif", SAMPLE / "after.tif")
    alignment = comparison.alignment.model_dump(mode="json")
    with city.writing() as session:
        session.get_one(Survey, "survey-1").ortho_key = "surveys/before.tif"
        session.get_one(Survey, "survey-2").ortho_key = "surveys/after.tif"
        session.get_one(Comparison, "comparison-1").result = {"alignment": alignment}
    ids = [city.take(surveyed(p, name=f"n{n}")).finding_id for n, p in enumerate(places)]
    decide(city, ids[0], "confirmed")
    decide(city, ids[1], "rejected", "permitted")
    decide(city, ids[2], "rejected", "shadow_or_light")
    root = unpacked(supervisor, made(supervisor, "change_pairs"), tmp_path / "out")
    pairs = {}
    for split in ("train", "test"):
        for name in list_change_pairs(root / split):
            pairs[name] = read_change_pair(root / split, name)
    assert set(pairs) == set(ids)
    assert not pairs[ids[2]].changed.any()
    for finding_id, place in zip(ids[:2], places[:2], strict=True):
        pair = pairs[finding_id]
        move = Transformer.from_crs(4326, pair.georeference.crs, always_xy=True)
        x, y = move.transform(*place.representative_point().coords[0])
        a, _, c, _, e, f = pair.georeference.transform
        col, row = int((x - c) / a), int((y - f) / e)
        assert pair.changed[row, col]
        area_m2 = pair.changed.sum() * a * a
        assert area_m2 == pytest.approx(row_area(city, finding_id), rel=0.2)
        # Where nothing changed the shifted half lies on the other one better than unshifted.
        assert sharpness(pair) > sharpness(unshifted(pair)) + 0.1


def row_area(city, finding_id):
    with city.service.database.read() as session:
        return session.get_one(FindingRow, finding_id).area_m2


def sharpness(pair):
    """How alike both halves are outside of what changed."""
    one, two = (
        cv2.cvtColor(p, cv2.COLOR_RGB2GRAY).astype(float) for p in (pair.before, pair.after)
    )
    still = ~cv2.dilate(pair.changed.astype(np.uint8), np.ones((15, 15))).astype(bool)
    return np.corrcoef(one[still], two[still])[0, 1]


def unshifted(pair):
    from dataclasses import replace

    from pyproj import CRS

    from vision.survey.grid import Grid, Window

    a, _, c, _, _, f = pair.georeference.transform
    size = pair.changed.shape[0]
    grid = Grid(CRS.from_user_input(pair.georeference.crs), c, f, a, size, size)
    with open_ortho(SAMPLE / "before.tif") as earlier:
        return replace(pair, before=earlier.read_ortho(grid, Window(0, 0, size, size)).rgb)


def test_an_export_of_too_little_fails_in_words_and_one_not_ready_is_no_file(supervisor):
    answer = supervisor.post("exports", json={"form": "yolo"}, headers={"Idempotency-Key": "e"})
    again = supervisor.post("exports", json={"form": "yolo"}, headers={"Idempotency-Key": "e"})
    export_id = answer.json()["id"]
    assert again.json()["id"] == export_id
    assert supervisor.get(f"exports/{export_id}/file").status_code == 409
    assert workflow.make.__wrapped__(export_id) == "failed"
    problem = supervisor.get(f"exports/{export_id}").json()
    assert problem["state"] == "failed"
    assert "too few" in problem["problem"]
    assert workflow.make.__wrapped__(export_id) == "over"


@pytest.mark.usefixtures("street")
def test_an_export_made_again_after_a_crash_is_the_same_and_ends_with_its_time(city, supervisor):
    export = made(supervisor, "yolo")
    key = workflow.key_of(export["id"])
    first = city.service.storage.get(key)
    with city.writing() as session:
        session.get_one(ExportRow, export["id"]).state = "running"
    city.service.storage.put(key, b"half a file")
    assert workflow.make.__wrapped__(export["id"]) == "done"
    second = city.service.storage.get(key)
    names = [sorted(zipfile.ZipFile(io.BytesIO(c)).namelist()) for c in (first, second)]
    assert names[0] == names[1]
    with city.writing() as session:
        session.get_one(ExportRow, export["id"]).expires_at = utc_now()
    assert workflow.delete_expired.__wrapped__() == 1
    assert not city.service.storage.exists(key)
    assert supervisor.get(f"exports/{export['id']}/file").status_code == 410


def test_splits_keep_a_place_together_and_always_leave_something_to_test():
    groups = [f"camera {n % 10} 2026" for n in range(100)]
    splits = into_splits(groups, [str(n) for n in range(100)])
    assert len({(g, s) for g, s in zip(groups, splits, strict=True)}) == 10
    assert set(into_splits(["one"] * 3, ["a", "b", "c"])) == {"train", "test"}
