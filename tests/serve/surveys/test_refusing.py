"""Files that cannot be used: refused with a sentence, and nothing is left of them."""

import pytest
import rasterio
import rasterio.shutil
from affine import Affine

from serve.service import Service
from serve.surveys import preparing
from serve.workflows import stopping
from tests.serve.conftest import settings_for, sign_in
from tests.serve.processes import wait_until
from tests.serve.surveys.flying import SAMPLES, fly, make_site, wait_for, write_ortho

VRT = (
    '<VRTDataset rasterXSize="10" rasterYSize="10"><VRTRasterBand dataType="Byte" band="1">'
    "<SimpleSource><SourceFilename>/etc/passwd</SourceFilename></SimpleSource>"
    "</VRTRasterBand></VRTDataset>"
)


def truncated(path):
    path.write_bytes((SAMPLES / "after.tif").read_bytes()[:400_000])


def giant(path):
    options = {
        "driver": "GTiff", "width": 300_000, "height": 300_000, "count": 3, "dtype": "uint8",
        "crs": "EPSG:32649", "transform": Affine(0.1, 0, 430000, 0, -0.1, 2520000),
        "tiled": True, "blockxsize": 4096, "blockysize": 4096, "SPARSE_OK": True, "BIGTIFF": "YES",
    }  # fmt: skip
    with rasterio.open(path, "w", **options):
        pass


def one_block(path):
    """In blocks that would have to be decoded into memory at once."""
    options = {
        "driver": "GTiff", "width": 20_000, "height": 20_000, "count": 3, "dtype": "uint8",
        "crs": "EPSG:32649", "transform": Affine(0.1, 0, 430000, 0, -0.1, 2520000), "tiled": True,
        "blockxsize": 16_384, "blockysize": 16_384, "SPARSE_OK": True, "interleave": "pixel",
    }  # fmt: skip
    with rasterio.open(path, "w", **options):
        pass


def corrupt(path):
    """Whole as a file, with a block whose content is no picture."""
    write_ortho(path, size=1200, compress="deflate", tiled=True, blockxsize=256, blockysize=256)
    with rasterio.open(path) as file:
        offset = int(file.get_tag_item("BLOCK_OFFSET_2_2", "TIFF", bidx=1))
    content = bytearray(path.read_bytes())
    content[offset : offset + 100] = b"\xff" * 100
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (truncated, "cut short"),
        (giant, "max_pixels"),
        (one_block, "max_block_bytes"),
        (corrupt, "cannot be decoded"),
        (lambda path: path.write_text(VRT), "it is a VRT"),
        (lambda path: path.write_bytes(b""), "the file is empty"),
        (lambda path: path.write_bytes(b"II*\0" + b"\xff" * 5000), "not a readable GeoTIFF"),
        (lambda path: path.write_bytes(b"PK\x03\x04" + bytes(500)), "ZIP"),
        (lambda path: write_ortho(path, crs=None), "coordinate"),
        (lambda path: write_ortho(path, crs="EPSG:4326"), "Check"),
        (
            lambda path: path.write_bytes((SAMPLES / "after_dsm.tif").read_bytes()),
            "Is this the DSM",
        ),
    ],
)
def test_a_bad_file_is_refused_in_the_readers_own_words(embedded, tmp_path, spoil, sentence):
    service, client = embedded
    path = tmp_path / "飞行 may.tif"
    spoil(path)
    survey = fly(client, make_site(client), path, "2026-05-01")
    row = wait_for(client, f"surveys/{survey}")
    assert row["state"] == "refused", row
    assert sentence in row["problem"]
    assert "飞行 may.tif" in row["problem"]
    assert str(tmp_path) not in row["problem"]
    wait_until(lambda: not list(service.storage.list("uploads")), 20)
    assert list(service.storage.list("surveys")) == []
    assert list(service.scratch.iterdir()) == []
    assert client.get(f"surveys/{survey}/ortho").status_code == 404


def test_one_pixel_is_a_survey_too(embedded, tmp_path):
    _, client = embedded
    survey = fly(client, make_site(client), write_ortho(tmp_path / "a.tif", size=1), "2026-05-01")
    assert wait_for(client, f"surveys/{survey}")["state"] == "ready"
    assert client.get(f"surveys/{survey}/preview").status_code == 200


def test_a_cog_stays_as_it_is(embedded, tmp_path):
    _, client = embedded
    plain = write_ortho(tmp_path / "plain.tif", size=1200)
    cog = tmp_path / "cog.tif"
    rasterio.shutil.copy(plain, cog, driver="COG", COMPRESS="LZW")
    site = make_site(client)
    as_sent = wait_for(client, f"surveys/{fly(client, site, cog, '2026-05-01')}")
    assert as_sent["ortho_sha256"] == as_sent["facts"]["ortho"]["upload_sha256"]
    survey = fly(client, site, plain, "2026-05-02")
    assert wait_for(client, f"surveys/{survey}")["state"] == "ready"
    made = tmp_path / "made.tif"
    made.write_bytes(client.get(f"surveys/{survey}/ortho").content)
    with rasterio.open(plain) as before, rasterio.open(made) as after:
        assert after.tags(ns="IMAGE_STRUCTURE")["LAYOUT"] == "COG"
        assert (before.read() == after.read()).all()


def test_a_survey_beside_its_site_is_refused(embedded, tmp_path):
    _, client = embedded
    area = {"type": "Polygon", "coordinates": [[[10, 50], [10.1, 50], [10.1, 50.1], [10, 50]]]}
    site = make_site(client, area=area)
    survey = fly(client, site, write_ortho(tmp_path / "a.tif"), "2026-05-01")
    row = wait_for(client, f"surveys/{survey}")
    assert row["state"] == "refused"
    assert "outside the area of the site" in row["problem"]


@pytest.mark.parametrize(
    ("limits", "sentence"),
    [({"check_memory_bytes": 150_000_000}, "memory"), ({"check_time_s": 0}, "longer than 0 s")],
)
def test_a_check_has_its_limits(tmp_path, limits, sentence):
    stopping.begin()
    service = Service(settings_for(tmp_path, **limits))
    client = sign_in(service, "operator")
    survey = fly(client, make_site(client), write_ortho(tmp_path / "a.tif"), "2026-05-01")
    assert preparing.begin(service, survey) == ["orthophoto"]
    made = preparing.make_file(service, survey, "orthophoto")
    assert sentence in made["refused"]
    service.close()
