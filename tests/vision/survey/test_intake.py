from __future__ import annotations

import math
import os
import shutil
import warnings
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
import rasterio
from affine import Affine
from make_rasters import GROUND_CRS, place, to_cog, write_bands, write_dsm, write_ortho
from pyproj import CRS

from vision.errors import BadRaster, InputError, LimitExceeded
from vision.survey.grid import Grid
from vision.survey.intake import inspect_raster
from vision.survey.limits import RasterLimits
from vision.survey.raster import open_ortho, open_surface

FEET = CRS.from_string("+proj=utm +zone=50 +datum=WGS84 +units=us-ft +no_defs")
PLACE = place(GROUND_CRS, 0.5, 64, 48)


def picture(count: int = 3, dtype: str = "uint8", size_wh: tuple[int, int] = (64, 48)):
    rng = np.random.default_rng(1)
    return rng.integers(1, 120, (count, size_wh[1], size_wh[0])).astype(dtype)


def empty(path: Path) -> None:
    path.touch()


def text(path: Path) -> None:
    path.write_text("just words, " * 100)


def vrt(path: Path) -> None:
    path.write_text('<VRTDataset rasterXSize="9" rasterYSize="9"></VRTDataset>')


def png(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_bands(path.with_suffix(".png"), picture(), crs=None, driver="PNG")
    shutil.move(path.with_suffix(".png"), path)


def jpeg(path: Path) -> None:
    path.write_bytes(b"\xff\xd8\xff\xe0" + bytes(500))


def archive(path: Path) -> None:
    inside = write_ortho(path.with_name("inside.tif"))
    with zipfile.ZipFile(path, "w") as target:
        target.write(inside, "inside.tif")


def folder(path: Path) -> None:
    path.mkdir()


def pipe(path: Path) -> None:
    os.mkfifo(path)


def loop(path: Path) -> None:
    path.symlink_to(path)


def dangling(path: Path) -> None:
    path.symlink_to(path.with_name("nowhere.tif"))


def nothing(_path: Path) -> None:
    pass


def magic_only(path: Path) -> None:
    path.write_bytes(b"II*\0" + bytes(60))


def ring_of_directories(path: Path) -> None:
    # A directory without entries whose "next directory" is itself.
    path.write_bytes(b"II*\0\x08\0\0\0" + b"\0\0" + b"\x08\0\0\0" + bytes(50))


def no_crs(path: Path) -> None:
    write_bands(path, picture(), crs=None, transform=PLACE)


def no_place(path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write_bands(path, picture())


def local_crs(path: Path) -> None:
    wkt = 'LOCAL_CS["site",UNIT["metre",1],AXIS["Easting",EAST],AXIS["Northing",NORTH]]'
    write_bands(path, picture(), crs=CRS.from_wkt(wkt), transform=PLACE)


def metres_as_degrees(path: Path) -> None:
    write_bands(path, picture(), crs=CRS.from_epsg(4326), transform=PLACE)


def flat(path: Path) -> None:
    write_bands(path, picture(), transform=Affine(0.5, 0.5, 5e5, 0.5, 0.5, 2.5e6))


def not_a_number(path: Path) -> None:
    write_bands(path, picture(), transform=Affine(0.5, 0, float("nan"), 0, -0.5, 2.5e6))


def kilometres(path: Path) -> None:
    write_bands(path, picture(), transform=Affine(5000, 0, 5e5, 0, -5000, 2.5e6))


def sparse(path: Path, **claims: object) -> None:
    options = {"driver": "GTiff", "count": 3, "dtype": "uint8", "SPARSE_OK": True, **claims}
    with rasterio.open(path, "w", crs=GROUND_CRS.to_wkt(), transform=PLACE, **options):
        pass


def million_squared(path: Path) -> None:
    sparse(path, width=1_000_000, height=1_000_000, tiled=True, blockxsize=4096, blockysize=4096)


def sparse_gigapixels(path: Path) -> None:
    sparse(path, width=60_000, height=60_000, tiled=True, blockxsize=4096, blockysize=4096)


def giant_tile(path: Path) -> None:
    sparse(path, width=20_000, height=20_000, tiled=True, blockxsize=16_384, blockysize=16_384)


def many_bands(path: Path) -> None:
    write_bands(path, picture(9), transform=PLACE)


def two_bands(path: Path) -> None:
    write_bands(path, picture(2), transform=PLACE)


def complex_numbers(path: Path) -> None:
    write_bands(path, picture(3, "complex64"), transform=PLACE)


def palette(path: Path) -> None:
    write_bands(path, picture(1), transform=PLACE, photometric="palette")
    with rasterio.open(path, "r+") as target:
        target.write_colormap(1, {n: (n, 0, 255 - n, 255) for n in range(256)})


def heights_file(path: Path) -> None:
    write_dsm(path)


def ortho_file(path: Path) -> None:
    write_ortho(path)


def grey(path: Path) -> None:
    write_bands(path, picture(1), transform=PLACE)


def overviews_elsewhere(path: Path) -> None:
    other = write_ortho(path.with_name("other.tif"), size_wh=(32, 24))
    write_bands(path, picture(), transform=PLACE)
    with rasterio.open(path, "r+") as target:
        target.update_tags(ns="OVERVIEWS", OVERVIEW_FILE=str(other))


@pytest.mark.parametrize(
    ("make", "role", "error", "words"),
    [
        (nothing, "orthophoto", BadRaster, "no such file"),
        (empty, "orthophoto", BadRaster, "is empty"),
        (text, "orthophoto", BadRaster, "not a TIFF file"),
        (vrt, "orthophoto", BadRaster, "it is a VRT"),
        (png, "orthophoto", BadRaster, "it is a PNG"),
        (jpeg, "orthophoto", BadRaster, "it is a JPEG"),
        (archive, "orthophoto", BadRaster, "it is a ZIP"),
        (folder, "orthophoto", BadRaster, "not a regular file"),
        (pipe, "orthophoto", BadRaster, "not a regular file"),
        (loop, "orthophoto", BadRaster, "cannot be read"),
        (dangling, "orthophoto", BadRaster, "no such file"),
        (magic_only, "orthophoto", BadRaster, "not a readable GeoTIFF"),
        (ring_of_directories, "orthophoto", BadRaster, "not a readable GeoTIFF"),
        (no_crs, "orthophoto", BadRaster, "no coordinate reference system"),
        (no_place, "orthophoto", BadRaster, "no place on the ground"),
        (local_crs, "orthophoto", BadRaster, "not tied to the earth"),
        (metres_as_degrees, "orthophoto", BadRaster, "Check its coordinate reference system"),
        (flat, "orthophoto", BadRaster, "no place on the ground"),
        (not_a_number, "orthophoto", BadRaster, "no place on the ground"),
        (kilometres, "orthophoto", BadRaster, "Check its coordinate reference system"),
        (million_squared, "orthophoto", LimitExceeded, "max_pixels"),
        (sparse_gigapixels, "orthophoto", LimitExceeded, "max_expansion"),
        (giant_tile, "orthophoto", LimitExceeded, "max_block_bytes"),
        (many_bands, "orthophoto", LimitExceeded, "max_bands"),
        (two_bands, "orthophoto", BadRaster, "needs red, green and blue"),
        (complex_numbers, "orthophoto", BadRaster, "not supported"),
        (palette, "orthophoto", BadRaster, "a palette picture"),
        (palette, "DSM", BadRaster, "a palette picture"),
        (heights_file, "orthophoto", BadRaster, "Is this the DSM"),
        (ortho_file, "DSM", BadRaster, "Is this the orthophoto"),
        (grey, "DSM", BadRaster, "8-bit picture"),
        (overviews_elsewhere, "orthophoto", BadRaster, "point at another file"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_wrong_and_where_is_said_once(tmp_path, capfd, make, role, error, words):
    path = tmp_path / "survey.tif"
    make(path)
    capfd.readouterr()
    with warnings.catch_warnings(), pytest.raises(error, match=words) as caught:
        warnings.simplefilter("error")
        (open_ortho if role == "orthophoto" else open_surface)(path)
    message = str(caught.value)
    assert (
        message.startswith(f"{path}: ")
        and "\n" not in message
        and message.endswith((".", "FILE", "?"))
    )
    assert capfd.readouterr() == ("", "")


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser may read everything")
def test_unreadable_file(tmp_path):
    path = write_ortho(tmp_path / "o.tif")
    path.chmod(0)
    with pytest.raises(BadRaster, match="permissions"):
        open_ortho(path)


@pytest.mark.parametrize(
    "name",
    [
        "/vsizip/archive.zip/inside.tif",
        "/vsimem/x.tif",
        "/vsicurl/http://127.0.0.1:9/x.tif",
        "/vsistdin/",
        "GTIFF_DIR:1:o.tif",
        "GTIFF_RAW:o.tif",
        "zip://archive.zip!inside.tif",
        "http://127.0.0.1:9/o.tif",
        "file:///o.tif",
        "x" * 300 + ".tif",
        "nul\0byte.tif",
        b"\xff\xfe.tif",
    ],
    ids=repr,
)
def test_names_are_nothing_but_file_names(tmp_path, monkeypatch, name):
    write_ortho(tmp_path / "o.tif")
    archive(tmp_path / "archive.zip")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadRaster) as caught:
        open_ortho(os.fsdecode(name))
    str(caught.value).encode("utf-8")


@pytest.mark.parametrize(
    "name",
    [
        "with spaces.tif",
        "城南 2026年11月.tif",
        "what?.tif",
        "a:b.tif",
        "-rf.tif",
        "GTIFF_DIR:1:o.tif",
        "vsizip.tif",
        "o.tif!inside",
        "%2e%2e.tif",
        "$(HOME)'\".tif",
        "no extension",
        "~.tif",
    ],
)
def test_odd_names_are_read(tmp_path, monkeypatch, name):
    path = write_ortho(tmp_path / "plain.tif").rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    for given in (path, Path(name), name):
        with open_ortho(given) as survey:
            grid = Grid.covering(GROUND_CRS, survey.bounds_in(GROUND_CRS), 1.0)
            assert survey.read_ortho(grid, grid.whole).valid.any()


def test_a_link_to_a_survey_is_read(tmp_path):
    path = write_ortho(tmp_path / "o.tif")
    (tmp_path / "link.tif").symlink_to(path)
    with open_ortho(tmp_path / "link.tif") as survey:
        assert survey.info.width == 240


@pytest.mark.parametrize("cog", [False, True])
def test_files_beside_the_survey_have_no_effect(tmp_path, cog):
    (tmp_path / "bare").mkdir()
    bare = write_ortho(tmp_path / "bare" / "o.tif")
    if cog:
        bare = to_cog(bare, tmp_path / "bare" / "cog.tif", OVERVIEW_COUNT=1)
    crowded = tmp_path / "crowded" / bare.name
    crowded.parent.mkdir()
    shutil.copy(bare, crowded)
    black = np.zeros((3, 200, 240), np.uint8)
    for suffix in (".ovr", ".msk"):
        write_bands(tmp_path / "planted.tif", black[:, :100, :120], crs=None, transform=PLACE)
        shutil.move(tmp_path / "planted.tif", str(crowded) + suffix)
    for suffix in (".tfw", ".wld", ".tifw"):
        crowded.with_suffix(suffix).write_text("9\n0\n0\n-9\n0\n0\n")
    Path(f"{crowded}.aux.xml").write_text(
        "<PAMDataset><SRS>EPSG:4326</SRS><GeoTransform>0,1,0,0,0,-1</GeoTransform>"
        '<Metadata domain="OVERVIEWS"><MDI key="OVERVIEW_FILE">x.ovr</MDI></Metadata></PAMDataset>'
    )
    crowded.with_suffix(".prj").write_text(CRS.from_epsg(4326).to_wkt())
    read = []
    for path in (bare, crowded):
        with open_ortho(path) as survey:
            info = survey.info
            for gsd_m in (0.5, 1.0, 4.0):
                grid = Grid.covering(GROUND_CRS, survey.bounds_in(GROUND_CRS), gsd_m)
                ortho = survey.read_ortho(grid, grid.whole)
                read.append((info.crs, info.transform, info.overview_sizes, ortho.rgb, ortho.valid))
    for alone, beside in zip(read[:3], read[3:], strict=True):
        assert alone[:3] == beside[:3]
        assert np.array_equal(alone[3], beside[3]) and np.array_equal(alone[4], beside[4])


def test_what_is_known_of_a_file(tmp_path):
    path = write_ortho(
        tmp_path / "o.tif", gsd_m=0.25, size_wh=(300, 200), overviews=(2, 4), nodata=0
    )
    with rasterio.open(path, "r+") as target:
        target.update_tags(TIFFTAG_DATETIME="2026:11:22 09:30:00")
    info = inspect_raster(path, "orthophoto", RasterLimits())
    assert (info.width, info.height, info.bands, info.dtype) == (300, 200, 3, "uint8")
    assert info.crs == GROUND_CRS and info.gsd_m == pytest.approx(0.25)
    assert info.taken_at == datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    assert (info.has_mask, info.mask, info.nodata) == (True, "nodata", 0)
    assert info.overviews == (2, 4) and info.overview_sizes == ((150, 100), (75, 50))
    assert info.colour_bands == (1, 2, 3) and info.file_bytes == path.stat().st_size


@pytest.mark.parametrize("turn_deg", [0.0, 40.0])
@pytest.mark.parametrize("epsg", [32650, 4547, 3857, None])
def test_pixel_size_is_in_metres_on_the_ground(tmp_path, epsg, turn_deg):
    crs = FEET if epsg is None else CRS.from_epsg(epsg)
    path = write_ortho(tmp_path / "o.tif", crs=crs, gsd_m=0.25, turn_deg=turn_deg)
    info = inspect_raster(path, "orthophoto", RasterLimits())
    assert info.gsd_m == pytest.approx(0.25, rel=0.004)


@pytest.mark.parametrize("epsg", [4326, 4490])
def test_pixel_size_of_degrees_is_the_root_of_the_pixels_area(tmp_path, epsg):
    path = write_ortho(tmp_path / "o.tif", crs=CRS.from_epsg(epsg), gsd_m=0.25)
    info = inspect_raster(path, "orthophoto", RasterLimits())
    latitude = info.transform.f
    across, down = info.transform.a * 111_320, -info.transform.e * 110_740
    expected = math.sqrt(across * math.cos(math.radians(latitude)) * down)
    assert info.gsd_m == pytest.approx(expected, rel=0.003)


@pytest.mark.parametrize(
    "limits",
    [
        {"max_pixels": 47_999},
        {"max_side_px": 239},
        {"max_bands": 2},
        {"max_file_bytes": 1000},
        {"max_block_bytes": 5000},
    ],
    ids=str,
)
def test_each_limit_holds_and_is_named(tmp_path, limits):
    path = write_ortho(tmp_path / "o.tif")
    open_ortho(path).close()
    with pytest.raises(LimitExceeded, match=next(iter(limits))):
        open_ortho(path, limits=RasterLimits(**limits))


@pytest.mark.parametrize("where", ["colours", "overview", "mask"])
def test_bytes_changed_at_random_never_crash(tmp_path, capfd, where):
    options = {"overview": {"overviews": (2, 4)}, "mask": {"mask": np.ones((200, 240), bool)}}
    path = write_ortho(tmp_path / "o.tif", compress="deflate", **options.get(where, {}))
    content = path.read_bytes()
    rng = np.random.default_rng(len(where))
    hurt = tmp_path / "hurt.tif"
    for _ in range(60):
        changed = bytearray(content)
        for place_ in rng.integers(0, len(content) if rng.random() < 0.5 else 400, 5):
            changed[place_] = rng.integers(0, 256)
        hurt.write_bytes(changed)
        try:
            with open_ortho(hurt) as survey:
                for gsd_m in (0.5, 2.0):
                    west, south, east, north = survey.bounds_in(GROUND_CRS)
                    box = (west, south, min(east, west + 100), min(north, south + 100))
                    grid = Grid.covering(GROUND_CRS, box, gsd_m)
                    survey.read_ortho(grid, grid.whole)
        except InputError as error:
            assert str(hurt) in str(error) and "\n" not in str(error)
    assert capfd.readouterr() == ("", "")
