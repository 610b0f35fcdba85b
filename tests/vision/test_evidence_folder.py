"""Evidence on disk: survives kills and full disks, is whole or not there, proves itself."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import cv2
import numpy as np
import pytest
from make_evidence import CAR, PERSON, RULE, SEEN, START, camera, clip, frame, scene

from vision.camera.plates import PlateLook, PlateReader, PlateText
from vision.errors import InputError, OutputError
from vision.evidence import EvidenceFolder, read_manifest, verify_evidence
from vision.evidence.overlay import forgery_code

CAMERA = camera()
PAVEMENT = CAMERA.zone("pavement")


def keep_parking(folder, key="k1", *, plate_text=None):
    for after_s, role in ((0, "scene_start"), (300, "scene_end")):
        folder.keep(
            key,
            frame(after_s, seed=after_s, plate_text=plate_text),
            role=role,
            box_xyxy=CAR,
            seen=SEEN,
        )


def seal(folder, key="k1", finding_id="f1", zone=PAVEMENT, **more):
    return folder.seal(key, finding_id, zone=zone, rule=RULE, **more)


def files_below(path):
    return sorted(str(p.relative_to(path)) for p in path.rglob("*") if not p.is_dir())


def read_rgb(path):
    return cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)


@pytest.fixture
def folder(tmp_path):
    return EvidenceFolder(tmp_path, CAMERA)


def test_a_parking_set_holds_what_is_asked(folder, tmp_path):
    keep_parking(folder)
    span = (START, START + timedelta(seconds=20))
    sealed = seal(folder, clip=clip(tmp_path / "tmp.mp4"), clip_span=span, clock_offset_s=-0.1)
    assert {entry.role: entry.path for entry in sealed.evidence} == {
        "scene_start": "evidence/f1/scene_start.jpg",
        "scene_end": "evidence/f1/scene_end.jpg",
        "close_up": "evidence/f1/close_up.jpg",
        "sealed_scene_start": "evidence/f1/sealed/scene_start.jpg",
        "sealed_scene_end": "evidence/f1/sealed/scene_end.jpg",
        "sealed_close_up": "evidence/f1/sealed/close_up.png",
        "clip": "evidence/f1/sealed/clip.mp4",
        "manifest": "evidence/f1/manifest.json",
    }
    by_role = {entry.role: entry for entry in sealed.evidence}
    assert by_role["scene_end"].taken_at - by_role["scene_start"].taken_at == timedelta(seconds=300)
    for entry in sealed.evidence:
        assert (tmp_path / entry.path).stat().st_size == entry.size_bytes
    manifest = read_manifest(tmp_path / "evidence/f1")
    assert sealed.manifest == tmp_path / "evidence/f1/manifest.json"
    assert (manifest.camera_id, manifest.zone, manifest.rule) == (CAMERA.id, "pavement", RULE)
    assert manifest.clock_offset_s == -0.1
    stored = {entry.path: entry for entry in manifest.files}
    assert stored["sealed/clip.mp4"].ends_at == span[1]
    assert stored["sealed/scene_start.jpg"].received_at - START == timedelta(milliseconds=100)
    assert verify_evidence(tmp_path) == []
    # Nothing is left of what it was made from.
    assert folder.pending() == ()
    assert not (tmp_path / "tmp.mp4").exists()


def test_originals_are_what_the_camera_saw_and_previews_are_masked(folder, tmp_path):
    keep_parking(folder)
    seal(folder)
    seen = scene(300).astype(int)
    original = read_rgb(tmp_path / "evidence/f1/sealed/scene_end.jpg").astype(int)
    assert original.shape == seen.shape
    assert np.abs(original - seen).mean() < 3
    preview = read_rgb(tmp_path / "evidence/f1/scene_end.jpg")
    assert preview.shape[0] > 360
    x1, y1, x2, y2 = (round(v) for v in np.multiply(PERSON, (640, 360) * 2))
    head = (slice(y1 + 8, y1 + (y2 - y1) // 4 - 4), slice(x1 + 4, x2 - 4))
    # The person is of stripes: they are gone at the head and there at the feet.
    feet = (slice(y2 - 60, y2 - 4), slice(x1 + 4, x2 - 4))
    assert preview[head].std(axis=1).mean() < 6 < 15 < preview[feet].std(axis=1).mean()
    assert original[head].std(axis=1).mean() > 15
    # So are those of the car where its plate may be, and not above.
    assert preview[215:280, 220:360].std(axis=1).mean() < 8
    assert preview[115:170, 220:360].std(axis=1).mean() > 15
    close_up = read_rgb(tmp_path / "evidence/f1/close_up.jpg")
    sealed_close_up = read_rgb(tmp_path / "evidence/f1/sealed/close_up.png")
    # Of two equally good pictures it is the first.
    first = read_rgb(tmp_path / "evidence/f1/sealed/scene_start.jpg")
    assert (sealed_close_up == first[75:321, 157:419]).all()
    assert close_up.shape[1] == pytest.approx(480, abs=1)


def test_privacy_masks_are_burnt_into_everything(tmp_path):
    outline = [[0.3, 0.3], [0.6, 0.3], [0.6, 0.5], [0.3, 0.5]]
    folder = EvidenceFolder(tmp_path, camera(privacy_masks=[outline]))
    keep_parking(folder)
    for path in (tmp_path / "pending/k1").glob("*.jpg"):
        assert read_rgb(path)[115:175, 200:375].max() < 12
    seal(folder)
    for name in ("sealed/scene_start.jpg", "sealed/scene_end.jpg", "scene_start.jpg"):
        # Away from the lines drawn over it.
        assert read_rgb(tmp_path / "evidence/f1" / name)[120:170, 205:370].max() < 40


def test_a_frame_is_encoded_once_for_all_its_candidates(folder, tmp_path):
    shown = frame()
    for key in ("a", "b", "c"):
        folder.keep(key, shown, role="scene_start", box_xyxy=CAR, seen=SEEN)
    inodes = {path.stat().st_ino for path in tmp_path.glob("pending/*/*.jpg")}
    assert len(inodes) == 1
    folder.drop("a")
    seal(folder, "b", "fb")
    seal(folder, "c", "fc")
    assert verify_evidence(tmp_path) == []


def test_only_the_best_of_a_role_stay(folder, tmp_path):
    qualities = [0.2, 0.9, 0.1, 0.5, 0.8, 0.4, 0.8]
    for second, quality in enumerate(qualities):
        folder.keep(
            "t", frame(second), role="load", box_xyxy=CAR, seen=SEEN, quality=quality, most=3
        )
        assert len(list(tmp_path.glob("pending/t/*"))) <= 6
    sealed = seal(folder, "t", zone=CAMERA.zone("gate"))
    taken = {e.role: (e.taken_at - START).total_seconds() for e in sealed.evidence}
    assert {role: taken[role] for role in ("load_1", "load_2", "load_3")} == {
        "load_1": 1,
        "load_2": 4,
        "load_3": 6,
    }
    assert taken["close_up"] == 1


def test_a_kept_close_up_is_used_for_it_and_its_frame_is_sealed(folder):
    keep_parking(folder)
    folder.keep("k1", frame(100, seed=9), role="close_up", box_xyxy=CAR, seen=SEEN, quality=0.1)
    taken = {e.role: (e.taken_at - START).total_seconds() for e in seal(folder).evidence}
    assert taken["close_up"] == taken["sealed_close_up"] == 100
    assert taken["sealed_scene_of_close_up"] == 100


def test_sealing_again_gives_the_same(folder, tmp_path):
    keep_parking(folder)
    first = seal(folder)
    keep_parking(folder)
    assert seal(EvidenceFolder(tmp_path, CAMERA)) == first
    assert files_below(tmp_path / "pending") == []
    assert verify_evidence(tmp_path) == []


def test_nothing_kept_gives_nothing(folder, tmp_path):
    assert seal(folder).evidence == ()
    assert seal(folder).manifest is None
    assert files_below(tmp_path) == []


def test_only_a_clip_is_sealed_too(folder, tmp_path):
    sealed = seal(folder, clip=clip(tmp_path / "c.mp4"))
    assert [entry.role for entry in sealed.evidence] == ["clip", "manifest"]
    assert verify_evidence(tmp_path) == []


class Plates:
    """Says of each picture in turn what it was told to."""

    def __init__(self, *texts):
        self.texts = list(texts)

    def look(self, _rgb):
        text = self.texts.pop(0)
        box = (0.4, 0.7, 0.6, 0.8)
        return PlateLook((), None if text is None else PlateText(text, 0.9, box))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ((None, None), None),
        (("粤A12345", None), "粤A12345"),
        (("粤A12345", "粤A12345"), "粤A12345"),
        # Contradiction: not legible, rather than the likelier one.
        (("粤A12345", "粤A12346"), None),
    ],
)
def test_pictures_have_to_agree_on_the_plate(tmp_path, texts, expected):
    folder = EvidenceFolder(tmp_path, CAMERA, plates=Plates(*texts))
    keep_parking(folder)
    sealed = seal(folder)
    assert (sealed.plate and sealed.plate.text) == expected
    assert seal(folder).plate == sealed.plate
    note = read_manifest(tmp_path / "evidence/f1").plate
    assert (note and note.text) == expected
    if note is not None:
        # 0.4 to 0.6 of a crop that reaches 18 % beyond the car on each side.
        assert note.box_xyxy[0] == pytest.approx(0.41, abs=0.005)
        assert note.box_xyxy[2] == pytest.approx(0.49, abs=0.005)


def test_vendors_have_no_plates(tmp_path):
    folder = EvidenceFolder(tmp_path, CAMERA, plates=Plates())
    keep_parking(folder)
    assert seal(folder, zone=CAMERA.zone("stalls")).plate is None


def test_a_plate_is_read_from_the_original_and_cannot_be_read_from_previews(tmp_path):
    reader = PlateReader(threads=1)
    folder = EvidenceFolder(tmp_path, CAMERA, plates=reader)
    keep_parking(folder, plate_text="京B70G88")
    sealed = seal(folder)
    assert sealed.plate is not None
    assert sealed.plate.text == "京B70G88"
    x1, y1, x2, y2 = sealed.plate.box_xyxy
    assert (x1 * 640, y1 * 360) == pytest.approx((230, 230), abs=12)
    assert (x2 * 640, y2 * 360) == pytest.approx((343, 266), abs=12)
    for name in ("scene_start", "scene_end", "close_up"):
        preview = read_rgb(tmp_path / f"evidence/f1/{name}.jpg")
        picture = preview[: 360 if "scene" in name else 440]  # without the stamp
        assert reader.look(np.ascontiguousarray(picture)).plate is None
    # Its plate being masked itself, the rest of the car stays to be seen.
    preview = read_rgb(tmp_path / "evidence/f1/scene_end.jpg")
    assert preview[195:215, 220:360].std(axis=1).mean() > 12


@pytest.mark.parametrize(
    "name", ["../x", "a/b", "/etc", ".", "..", ".hidden", "", "a\0b", "x" * 200, "a\nb", "键"]
)
def test_names_cannot_lead_out_of_the_folder(folder, name):
    with pytest.raises(InputError):
        folder.keep(name, frame(), role="scene_start", box_xyxy=CAR, seen=SEEN)
    with pytest.raises(InputError):
        folder.drop(name)
    keep_parking(folder)
    with pytest.raises(InputError):
        seal(folder, "k1", name)
    with pytest.raises(InputError):
        seal(folder, name, "f9")
    with pytest.raises(InputError):
        folder.keep("k", frame(), role=name, box_xyxy=CAR, seen=SEEN)
    assert folder.pending() == ("k1",)


def test_a_missing_clip_is_said_and_loses_nothing(folder, tmp_path):
    keep_parking(folder)
    with pytest.raises(InputError, match="no clip"):
        seal(folder, clip=tmp_path / "missing.mp4")
    assert folder.pending() == ("k1",)


TAMPERED = {
    "a preview is changed": (
        lambda p: (p / "evidence/f1/scene_start.jpg").write_bytes(b"x"),
        r"f1/scene_start.jpg: was changed",
    ),
    "an original is changed by one bit": (
        lambda p: flip(p / "evidence/f1/sealed/scene_start.jpg"),
        r"sealed/scene_start.jpg: was changed",
    ),
    "a file is gone": (
        lambda p: (p / "evidence/f1/sealed/close_up.png").unlink(),
        r"close_up.png: cannot be read",
    ),
    "a file is added": (
        lambda p: (p / "evidence/f1/sealed/more.jpg").write_bytes(b"x"),
        r"more.jpg: was added",
    ),
    "a manifest is edited": (
        lambda p: edit(p / "evidence/f2/manifest.json", zone="elsewhere"),
        r"manifest.json: was changed after",
    ),
    "a manifest is edited and closed anew": (lambda p: forge(p), r"not the one that the chain"),
    "a code is exchanged": (lambda p: exchange_code(p), r"code does not belong"),
    "a finding is gone": (
        lambda p: shutil.rmtree(p / "evidence/f2"),
        r"f2/manifest.json: cannot be read",
    ),
    "a link is taken out": (
        lambda p: edit_lines(p, lambda lines: [lines[0], lines[2]]),
        r"link 3 \(f3\) does not follow",
    ),
    "links are exchanged": (
        lambda p: edit_lines(p, lambda lines: [lines[1], lines[0], lines[2]]),
        r"does not follow",
    ),
    "a finding is put in": (
        lambda p: shutil.copytree(p / "evidence/f1", p / "evidence/f9"),
        r"f9: is not in the chain",
    ),
    "the chain is damaged": (
        lambda p: edit_lines(p, lambda lines: [lines[0], b"junk", lines[2]]),
        r"line 2 is damaged",
    ),
    "the chain is cut off": (
        lambda p: cut(p / "evidence/chain.jsonl"),
        r"last line is cut off",
    ),
}


def flip(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def forge(path):
    manifest = read_manifest(path / "evidence/f2").model_copy(update={"zone": "elsewhere"})
    (path / "evidence/f2/manifest.json").write_text(manifest.closed().model_dump_json())


def exchange_code(path):
    manifest = json.loads((path / "evidence/f1/manifest.json").read_text())
    manifest["files"][0]["code"] = forgery_code("f1", "0" * 64, START)
    (path / "evidence/f1/manifest.json").write_text(json.dumps(manifest))


def edit_lines(path, change):
    chain = path / "evidence/chain.jsonl"
    chain.write_bytes(b"\n".join(change(chain.read_bytes().split(b"\n")[:-1])) + b"\n")


@pytest.fixture(scope="module")
def three_findings(tmp_path_factory):
    path = tmp_path_factory.mktemp("three")
    folder = EvidenceFolder(path, CAMERA)
    for number in "123":
        folder.keep(f"k{number}", frame(), role="scene_start", box_xyxy=CAR, seen=SEEN)
        seal(folder, f"k{number}", f"f{number}")
    assert verify_evidence(path) == []
    return path


@pytest.mark.parametrize("case", TAMPERED)
def test_tampering_is_found(three_findings, tmp_path, case):
    act, expected = TAMPERED[case]
    copy = tmp_path / "copy"
    shutil.copytree(three_findings, copy)
    act(copy)
    problems = "\n".join(verify_evidence(copy))
    assert re.search(expected, problems), problems


def test_a_manifest_that_points_elsewhere_is_refused(three_findings, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(three_findings, copy)
    path = copy / "evidence/f1/manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"][0]["path"] = "../../../etc/passwd"
    path.write_text(json.dumps(manifest))
    assert any("no manifest that this version" in problem for problem in verify_evidence(copy))


def test_the_chain_goes_on_after_a_restart(folder, tmp_path):
    keep_parking(folder)
    seal(folder)
    again = EvidenceFolder(tmp_path, CAMERA)
    keep_parking(again, "k2")
    seal(again, "k2", "f2")
    first, second = (read_manifest(tmp_path / "evidence" / name) for name in ("f1", "f2"))
    assert (first.sequence, second.sequence) == (1, 2)
    assert second.previous == first.sha256
    assert verify_evidence(tmp_path) == []


@pytest.mark.parametrize("left", [0, 40])
def test_a_set_sealed_just_before_a_crash_joins_the_chain(folder, tmp_path, left):
    for name in ("1", "2"):
        keep_parking(folder, f"k{name}")
        seal(folder, f"k{name}", f"f{name}")
    chain = tmp_path / "evidence/chain.jsonl"
    lines = chain.read_bytes().splitlines(keepends=True)
    chain.write_bytes(lines[0] + lines[1][:left])
    (tmp_path / "evidence/.building-123").mkdir()
    EvidenceFolder(tmp_path, CAMERA)
    assert chain.read_bytes().splitlines(keepends=True) == lines
    assert verify_evidence(tmp_path) == []
    assert not (tmp_path / "evidence/.building-123").exists()


def test_a_damaged_chain_is_not_written_on(three_findings, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(three_findings, copy)
    edit_lines(copy, lambda lines: [b"junk", *lines])
    with pytest.raises(InputError, match=r"line 1 is damaged.*another folder"):
        EvidenceFolder(copy, CAMERA)


def test_verifying_a_folder_without_evidence_says_so(tmp_path):
    with pytest.raises(InputError, match="holds no evidence"):
        verify_evidence(tmp_path)


def test_a_full_disk_is_said_and_nothing_is_lost(folder, tmp_path):
    keep_parking(folder)
    tmp_clip = clip(tmp_path / "c.mp4")
    before = files_below(tmp_path)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limit[1]))
    try:
        with pytest.raises(OutputError, match="free some room"):
            seal(folder, clip=tmp_clip)
        with pytest.raises(OutputError, match="free some room"):
            folder.keep("k2", frame(1), role="scene_start", box_xyxy=CAR, seen=SEEN)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert [name for name in files_below(tmp_path) if not name.startswith("pending/k2")] == before
    assert folder.pending()[0] == "k1"
    assert len(seal(folder, clip=tmp_clip).evidence) == 8
    assert verify_evidence(tmp_path) == []


def test_a_chain_that_could_not_be_written_is_mended_by_the_next_seal(folder, tmp_path):
    chain = tmp_path / "evidence/chain.jsonl"
    chain.mkdir()
    keep_parking(folder)
    with pytest.raises(OutputError, match="evidence cannot be written"):
        seal(folder)
    chain.rmdir()
    keep_parking(folder, "k2")
    seal(folder, "k2", "f2")
    assert read_manifest(tmp_path / "evidence/f2").sequence == 2
    assert len(seal(folder).evidence) == 7
    assert verify_evidence(tmp_path) == []


def test_a_place_that_is_no_folder_is_said(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        EvidenceFolder(tmp_path / "file", CAMERA)


def test_a_picture_that_was_torn_is_left_out(folder, tmp_path):
    keep_parking(folder)
    torn = next((tmp_path / "pending/k1").glob("scene_start*.jpg"))
    torn.write_bytes(torn.read_bytes()[:1000])
    assert [entry.role for entry in seal(folder).evidence if "scene" in entry.role] == [
        "scene_end",
        "sealed_scene_end",
    ]
    assert verify_evidence(tmp_path) == []


WORKER = """
import sys
from pathlib import Path
from make_evidence import CAR, RULE, SEEN, camera, frame
from vision.evidence import EvidenceFolder
folder = EvidenceFolder(Path(sys.argv[1]), camera())
first = int(sys.argv[2])
shown = frame()
folder.keep("entry", shown, role="scene_start", box_xyxy=CAR, seen=SEEN)
for number in range(first, first + 100_000):
    folder.keep(f"k{number}", frame(number), role="scene_start", box_xyxy=CAR, seen=SEEN)
    folder.seal(f"k{number}", f"f{number}", zone=camera().zone("pavement"), rule=RULE)
    print("sealed", flush=True)
"""


def test_a_killed_process_leaves_nothing_half(tmp_path):
    root = Path(__file__).parents[2]
    env = os.environ | {"PYTHONPATH": f"{root}:{root / 'tests'}"}
    for life in range(3):
        child = subprocess.Popen(  # noqa: S603 - our own code
            [sys.executable, "-c", WORKER, str(tmp_path), str(life * 1_000_000)],
            stdout=subprocess.PIPE,
            env=env,
        )
        assert child.stdout is not None
        for _ in range(2):
            assert child.stdout.readline() == b"sealed\n"
        time.sleep(0.02 + 0.013 * life)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        folder = EvidenceFolder(tmp_path, CAMERA)
        assert verify_evidence(tmp_path) == []
        # The entry picture of the first life is there still.
        assert "entry" in folder.pending()
        for key in folder.pending():
            if key != "entry":
                folder.drop(key)
    sealed = [path for path in (tmp_path / "evidence").iterdir() if path.is_dir()]
    assert len(sealed) > 3
    assert files_below(tmp_path / "pending/entry") == [
        f"scene_start-{START.timestamp() * 1e6:.0f}{ending}" for ending in (".jpg", ".json")
    ]
