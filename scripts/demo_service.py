"""The service part of the demo: from upload and camera to cases in the case system and back.

A service of its own is started on the embedded defaults, with the reference case system beside it.
Everything goes through its API, as the three kinds of users would do it: an operator uploads the
sample surveys, an integrator adds the sample clip as a camera, a reviewer decides on what is found.
The reviewer is a good one: the truth of the samples is known.
"""

from __future__ import annotations

import json
import secrets
import shutil
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from pyproj import CRS
from shapely.geometry import shape

from datasets.event_scoring import found_event, read_truth, score_events
from datasets.scoring import MATCH_IOU
from scripts.demo_survey import SAMPLE as SURVEYS
from scripts.demo_survey import on_map, read_known
from scripts.demo_words import shown
from scripts.serving import Served, served
from serve.api.access import Role
from vision.camera.config import read_camera
from vision.errors import InputError
from vision.finding import Finding

ROOT = Path(__file__).resolve().parents[1]
CAMERA = ROOT / "datasets" / "samples" / "camera"
FLOWN = {"before": "2026-09-03T02:00:00Z", "after": "2026-10-24T02:00:00Z"}
METRES = CRS.from_epsg(32649)  # UTM zone of the samples
CLAIMED_AT_ONCE = 20
SURVEY_WITHIN_S = 300.0
CLIP_WITHIN_S = 300.0
CASES_WITHIN_S = 120.0
CASE_STEP_S = 1.0
"""How long a case stays in each state of the reference case system."""
LEFT_EVERY = 4
"""One in so many findings is left for whoever opens the pages."""
LEFT_KIND = "muck_truck_overload"
"""This is left, too, whenever its turn comes: turns go by score, and the camera finds but three."""
LOGINS = "logins.txt"
"""Names and password of the demo's users, beside its data; to be read by its owner alone."""


def run(out: Path) -> None:
    """Tell the story, and leave the service's data in a folder.

    Args:
        out: Folder for the service's data; what lay there is replaced.

    Raises:
        InputError: A sample is missing.
        ServiceFailed: The service refused or did not finish something.
    """
    for needed in (SURVEYS / "before.tif", CAMERA / "street.mp4"):
        if not needed.exists():
            raise InputError(f"{needed}: a sample is missing. Get it again: git checkout {needed}")
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    print("Starting the service, with a case system beside it …", flush=True)
    with served(out, settings={"CITYEYE_CASE_SYSTEM_STEP_S": str(CASE_STEP_S)}) as service:
        password = secrets.token_urlsafe(9)
        people = {role: _user(service, role, password) for role in Role}
        _import_permits(people[Role.SUPERVISOR])
        operator = people[Role.OPERATOR]
        camera = _add_camera(people[Role.INTEGRATOR])
        site = _upload_surveys(operator)
        _tell_comparison(operator, site)
        _wait_for_clip(service, camera)
        decided = _review(people[Role.REVIEWER], camera)
        _tell_cases(service, decided["confirmed"])
        checked = service.get("audit/verify")
    print(
        f"ledger: {checked['entries']} entries, the chain "
        f"{'holds' if checked['holds'] else 'IS BROKEN'}; {time.perf_counter() - began:.0f} s"
    )
    logins = out / LOGINS
    logins.touch(mode=0o600)
    logins.write_text(f"{' '.join(f'demo-{role}' for role in Role)}\n{password}\n", "utf-8")
    print(f"Data of the service: {shown(out)}")
    print(
        "To see it in a browser: make serve, then sign in as demo-reviewer (or as demo-admin, who "
        f"sees every page) with the password {password}"
    )


def _user(service: Served, role: Role, password: str) -> Served:
    """Make a user of a role, and return a client that may do what they may do."""
    user = service.post("users", {"name": f"demo-{role}", "role": role, "password": password})
    token = service.post("tokens", {"name": "demo", "scopes": ["*"], "user_id": user["id"]})
    return service.with_token(token["secret"])


def _import_permits(supervisor: Served) -> None:
    imported = supervisor.post(
        "registers/building_permits/versions?file_name=permits.geojson",
        content=(SURVEYS / "permits.geojson").read_bytes(),
        headers={"Content-Type": "application/octet-stream"},
    )
    print(f"supervisor: register of building permits imported, {imported['rows']} rows")


def _upload_surveys(operator: Served) -> str:
    area = json.loads((SURVEYS / "area.geojson").read_text(encoding="utf-8"))
    site = operator.post(
        "sites", {"name": "Sample village", "area": area["features"][0]["geometry"]}
    )
    sent = 0
    for date, flown_at in FLOWN.items():
        ortho, dsm = SURVEYS / f"{date}.tif", SURVEYS / f"{date}_dsm.tif"
        operator.survey(site["id"], flown_at, ortho=ortho, dsm=dsm)
        sent += ortho.stat().st_size + dsm.stat().st_size
    print(f"operator: two surveys uploaded, {sent / 1e6:.1f} MB, and left to the service")
    return str(site["id"])


def _add_camera(integrator: Served) -> dict[str, Any]:
    settings = read_camera(CAMERA / "camera.yaml")
    known = settings.model_dump(mode="json", exclude_unset=True)
    camera: dict[str, Any] = integrator.post(
        "cameras",
        {
            "code": known.pop("id"),
            "name": known.pop("name"),
            "address": "sample:street",
            "enabled": True,
            **known,
        },
    )
    print(f"integrator: camera {camera['code']} added, {len(camera['zones'])} zones, watched now")
    return camera


def _tell_comparison(operator: Served, site: str) -> None:
    def over(page: Any) -> bool:  # noqa: ANN401
        return bool(page["items"]) and page["items"][0]["state"] in ("done", "failed", "cancelled")

    page = operator.wait(f"sites/{site}/comparisons", over, within_s=SURVEY_WITHIN_S)
    comparison = page["items"][0]
    if comparison["state"] != "done":
        raise InputError(f"the comparison ended as {comparison['state']}: {comparison['problem']}")
    found = operator.everything("findings", site_id=site)
    print(f"service: surveys checked, stored as COG and compared: {_counted(found)}")


def _wait_for_clip(service: Served, camera: dict[str, Any]) -> None:
    service.wait(
        f"cameras/{camera['id']}",
        lambda row: row["health"] in ("ended", "failed"),
        within_s=CLIP_WITHIN_S,
    )
    found = service.everything("findings", camera_id=camera["id"])
    print(f"service: clip watched to its end: {_counted(found)}")


def _review(reviewer: Served, camera: dict[str, Any]) -> Counter[str]:
    """Claim what waits and decide on it, but for what is left to whoever opens the pages."""
    decided: Counter[str] = Counter()
    left: list[str] = []
    began = time.perf_counter()
    judge = _Judge(datetime.fromisoformat(camera["created_at"]))
    while claimed := reviewer.post(
        "reviews/claims", {"count": CLAIMED_AT_ONCE, "except_ids": left}
    )["items"]:
        for item in claimed:
            finding = reviewer.get(f"findings/{item['id']}")
            permitted = finding["assessment"] == "permitted"
            in_turn = (decided.total() + len(left)) % LEFT_EVERY == LEFT_EVERY - 1
            if not permitted and (in_turn or finding["kind"] == LEFT_KIND):
                left.append(item["id"])
                continue
            if permitted:
                answer, body = "reject", {"reason": "permitted"}
            elif judge.is_true(finding):
                answer, body = "confirm", {}
            else:
                answer, body = "reject", {"reason": "nothing_there"}
            reviewer.post(f"findings/{item['id']}/{answer}", body)
            decided["confirmed" if answer == "confirm" else body["reason"]] += 1
    reviewer.post("reviews/claims/release", {"finding_ids": left})
    print(
        f"reviewer: {decided.total()} decided in {time.perf_counter() - began:.1f} s: "
        f"{decided['confirmed']} confirmed, {decided['permitted']} permitted, "
        f"{decided['nothing_there']} rejected; {len(left)} are left for you"
    )
    return decided


class _Judge:
    """Knows what truly happened in the samples."""

    def __init__(self, clip_start: datetime) -> None:
        self._structures = read_known("truth.geojson", METRES)
        self._clip = read_truth(CAMERA)
        self._start = clip_start

    def is_true(self, finding: dict[str, Any]) -> bool:
        """Tell whether a finding is a true one."""
        document = Finding.model_validate(finding["document"])
        if finding["camera_id"]:
            score = score_events(self._clip, [found_event(document, self._start)])
            return bool(score.pairs)
        outline = on_map(shape(finding["geometry"]), METRES)
        return any(
            known.kind == finding["kind"]
            and known.outline.intersection(outline).area
            >= MATCH_IOU * known.outline.union(outline).area
            for known in self._structures
        )


def _tell_cases(service: Served, confirmed: int) -> None:
    end = time.monotonic() + CASES_WITHIN_S
    while True:
        cases = service.everything("cases")
        if cases and all(case["state"] == "closed" for case in cases):
            break
        if time.monotonic() > end:
            break
        time.sleep(0.5)
    numbered = {case["external_id"] for case in cases if case["external_id"]}
    states = Counter(f"{c['state_name']['zh']} {c['state_name']['en']}" for c in cases)
    print(
        f"case system: {len(numbered)} cases filed for {confirmed} confirmed findings; now "
        + ", ".join(f"{count} {state}" for state, count in states.most_common())
    )
    for case in cases[:1]:
        timeline = service.get(f"cases/{case['id']}")["timeline"]
        steps = " → ".join(step["state"] for step in timeline)
        print(f"  {case['external_id']} {case['title_zh']}: {steps}")
    if len(numbered) != confirmed:
        raise InputError(f"{confirmed} findings were confirmed, and {len(numbered)} are cases")


def _counted(found: list[dict[str, Any]]) -> str:
    kinds = Counter(str(item["kind"]) for item in found)
    return ", ".join(f"{count} {kind}" for kind, count in sorted(kinds.items())) or "nothing found"
