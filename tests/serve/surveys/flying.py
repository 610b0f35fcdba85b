"""What tests of surveys do again and again: upload, wait, and make small orthophotos."""

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

SAMPLES = Path(__file__).parents[3] / "datasets/samples/survey"
TUS = {"Tus-Resumable": "1.0.0"}
STREAM = {**TUS, "Content-Type": "application/offset+octet-stream"}
DONE = ("ready", "refused", "failed", "cancelled", "done")


def upload(client, content, name="ortho.tif"):
    """Upload bytes or a file at once; returns the upload's id."""
    import base64

    if isinstance(content, Path):
        name, content = content.name, content.read_bytes()
    encoded = base64.b64encode(name.encode()).decode()
    headers = {
        **STREAM, "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {encoded}",
    }  # fmt: skip
    made = client.post("uploads", headers=headers, content=content)
    assert made.status_code == 201, made.text
    assert made.headers["Upload-Offset"] == str(len(content))
    return made.json()["id"]


def make_site(client, **fields):
    import uuid

    made = client.post("sites", json={"name": f"site {uuid.uuid4().hex[:8]}", **fields})
    assert made.status_code == 201, made.text
    return made.json()["id"]


def fly(client, site_id, ortho, day, dsm=None):
    """Upload a survey; returns its id."""
    body = {"flown_at": f"{day}T09:00:00+08:00", "ortho_upload_id": upload(client, ortho)}
    if dsm is not None:
        body["dsm_upload_id"] = upload(client, dsm)
    made = client.post(f"sites/{site_id}/surveys", json=body)
    assert made.status_code == 201, made.text
    return made.json()["id"]


def wait_for(client, path, timeout_s=120):
    """Wait until a survey or a comparison has come to rest."""
    end = time.monotonic() + timeout_s
    while True:
        row = client.get(path).json()
        if row["state"] in DONE:
            return row
        assert time.monotonic() < end, row
        time.sleep(0.2)


def write_ortho(path, *, size=300, seed=1, roof=False, crs="EPSG:32649", gsd_m=0.2, **profile):
    """Write a little orthophoto of grass and paths, with or without a roof on it."""
    random = np.random.default_rng(seed)
    coarse = random.integers(60, 140, (3, size // 6 + 1, size // 6 + 1)).astype(np.uint8)
    picture = coarse.repeat(6, axis=1).repeat(6, axis=2)[:, :size, :size].copy()
    picture += random.integers(0, 12, picture.shape).astype(np.uint8)
    if roof:
        picture[:, 100:160, 120:190] = np.array([200, 40, 40], np.uint8)[:, None, None]
    options = {
        "driver": "GTiff", "width": size, "height": size, "count": 3, "dtype": "uint8",
        "crs": crs, "transform": Affine(gsd_m, 0, 430000, 0, -gsd_m, 2520000),
        "photometric": "RGB", **profile,
    }  # fmt: skip
    with rasterio.open(path, "w", **options) as file:
        file.write(picture)
    return path


def flown(year, month, day):
    return datetime(year, month, day, tzinfo=UTC)
