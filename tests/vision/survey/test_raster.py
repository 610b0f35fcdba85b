from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from make_rasters import (
    EAST_M,
    GROUND_CRS,
    NORTH_M,
    colours,
    ground_of,
    heights,
    to_cog,
    write_bands,
    write_dsm,
    write_ortho,
)
from pyproj import CRS

from vision.errors import BadRaster, InputError
from vision.survey.grid import Grid, Window
from vision.survey.raster import Ortho, SurveyRaster, open_ortho, open_surface

UTM50, UTM49, LONLAT = CRS.from_epsg(32650), CRS.from_epsg(32649), CRS.from_epsg(4326)
CGCS2000, CGCS2000_LONLAT = CRS.from_epsg(4547), CRS.from_epsg(4490)
FEET = CRS.from_string("+proj=utm +zone=50 +datum=WGS84 +units=us-ft +no_defs")


def grid_inside(gsd_m: float = 0.5, side_m: float = 40.0) -> Grid:
    """A grid off the pixels of every test picture, well inside of it."""
    half = side_m / 2
    x, y = EAST_M + 0.137, NORTH_M - 0.219
    return Grid.covering(GROUND_CRS, (x - half, y - half, x + half, y + half), gsd_m)


def truth(grid: Grid, window: Window) -> np.ndarray:
    return colours(
        *ground_of(GROUND_CRS, grid.window_transform(window), window.width, window.height)
    )


def worst(ortho: Ortho, expected: np.ndarray) -> float:
    """Largest difference of a valid pixel."""
    assert ortho.valid.any()
    return float(np.abs(ortho.rgb[ortho.valid].astype(float) - expected[ortho.valid]).max())


@pytest.mark.parametrize(
    "profile",
    [
        {},
        {"tiled": True, "blockxsize": 64, "blockysize": 64},
        {"blockysize": 1},
        {"interleave": "band"},
        {"interleave": "pixel", "compress": "lzw"},
        {"compress": "deflate", "predictor": 2, "tiled": True, "blockxsize": 32, "blockysize": 32},
        {"compress": "jpeg", "jpeg_quality": 98},
        {"compress": "jpeg", "photometric": "ycbcr", "jpeg_quality": 98, "interleave": "pixel"},
        {"compress": "zstd"},
        {"bigtiff": "YES"},
        {"ENDIANNESS": "BIG"},
        {"fourth": "nir"},
        {"fourth": np.full((200, 240), 255)},
        {"nodata": 0},
        {"nodata": -9999},
        {"nodata": float("nan")},
        {"mask": np.ones((200, 240), bool)},
        {"overviews": (2, 4)},
        {"crs": UTM49},
        {"crs": CGCS2000},
        {"crs": LONLAT},
        {"crs": CGCS2000_LONLAT},
        {"crs": FEET},
        {"turn_deg": 30.0},
        {"turn_deg": -100.0, "crs": CGCS2000},
        {"turn_deg": 180.0},
    ],
    ids=lambda p: "-".join(f"{k}={str(v)[:14]}" for k, v in p.items()) or "plain",
)
def test_every_form_shows_the_same_ground(tmp_path, profile):
    if profile.get("nodata") == -9999 or profile.get("nodata") != profile.get("nodata"):
        profile = {**profile, "dtype": "float32"}
    path = write_ortho(tmp_path / "o.tif", **profile)
    grid = grid_inside()
    with open_ortho(path) as survey:
        ortho = survey.read_ortho(grid, grid.whole)
    assert ortho.rgb.shape == (grid.height, grid.width, 3) and ortho.rgb.dtype == np.uint8
    assert ortho.valid.all() and ortho.crs == GROUND_CRS
    # Bilinear interpolation of a 16 m wave sampled at 0.5 m is right to about 0.5 of 100;
    # half a pixel of shift would show as 10, a JPEG's loss as 4.
    loss = {"ycbcr": 12, "jpeg": 6}.get(profile.get("photometric", profile.get("compress")), 2.5)
    assert worst(ortho, truth(grid, grid.whole)) < loss


@pytest.mark.parametrize(
    ("dtype", "gain", "slack"),
    [("uint8", 1, 2), ("uint16", 1, 2), ("uint16", 200, None), ("float32", 1 / 255, 2)],
)
def test_deep_colours_are_stretched_to_eight_bits(tmp_path, dtype, gain, slack):
    path = write_ortho(tmp_path / "o.tif", dtype=dtype, gain=gain)
    grid = grid_inside()
    with open_ortho(path) as survey:
        ortho = survey.read_ortho(grid, grid.whole)
    expected = truth(grid, grid.whole)
    if slack is None:  # stretched by percentile: an even scale, nearly black to nearly white
        assert ortho.rgb.min() < 12 and ortho.rgb.max() > 243
        slope = np.polyfit(expected.ravel(), ortho.rgb.ravel(), 1)
        assert np.abs(np.polyval(slope, expected) - ortho.rgb).max() < 6
    else:
        assert worst(ortho, expected) < slack + 0.5


@pytest.mark.parametrize("overviews", [(), (2,), (4,), (2, 4, 8), (3,)], ids=str)
@pytest.mark.parametrize("size_wh", [(1200, 1000), (1001, 999)], ids=str)
@pytest.mark.parametrize("gsd_m", [0.2, 0.25, 0.4])
def test_decimated_reading_does_not_shift(tmp_path, overviews, size_wh, gsd_m):
    path = write_ortho(
        tmp_path / "o.tif",
        gsd_m=0.1,
        size_wh=size_wh,
        overviews=overviews,
        tiled=True,
        blockxsize=128,
        blockysize=128,
    )
    half = 0.05 * min(size_wh) - 0.7
    grid = Grid.covering(
        GROUND_CRS, (EAST_M - half, NORTH_M - half, EAST_M + half, NORTH_M + half), gsd_m
    )
    with open_ortho(path) as survey:
        ortho = survey.read_ortho(grid, grid.whole)
    assert ortho.valid.all()
    # A shift of 0.1 of a 0.4 m pixel would show as 1.6.
    error = ortho.rgb.astype(float) - truth(grid, grid.whole)
    assert np.abs(error).max() < 3.0
    assert np.abs(error[..., 0]).mean() < 0.9


@pytest.mark.parametrize("overviews", [(), (2, 4)])
def test_displacement_reads_where_the_survey_shows_the_ground(tmp_path, overviews):
    path = write_ortho(tmp_path / "o.tif", gsd_m=0.25, size_wh=(480, 400), overviews=overviews)
    grid = grid_inside(0.5, 30.0)

    def bent(x, y):
        return x + 2.3 + 0.2 * np.sin(y / 40), y - 1.1 + 0.2 * np.cos(x / 40)

    with open_ortho(path) as survey:
        ortho = survey.read_ortho(grid, grid.whole, displacement=bent)
    x, y = ground_of(GROUND_CRS, grid.transform, grid.width, grid.height)
    assert ortho.valid.all()
    assert worst(ortho, colours(*bent(x, y))) < 2.5


@pytest.mark.parametrize(
    ("crs", "gsd_m", "overviews"),
    [(UTM50, 0.5, ()), (UTM49, 0.5, ()), (UTM50, 0.1, (2, 4)), (UTM50, 0.1, ()), (LONLAT, 0.3, ())],
)
def test_four_tiles_equal_one_window(tmp_path, crs, gsd_m, overviews):
    side = int(130 / gsd_m) + 1
    path = write_ortho(
        tmp_path / "o.tif", crs=crs, gsd_m=gsd_m, size_wh=(side, side - 7), overviews=overviews
    )
    grid = grid_inside(0.5, 150.0)  # reaches over the picture's edges
    with open_ortho(path) as survey:
        big = survey.read_ortho(grid, grid.whole)
        for tile in grid.tiles(170):
            part = survey.read_ortho(grid, tile)
            rows = slice(tile.row, tile.row + tile.height)
            cols = slice(tile.col, tile.col + tile.width)
            # The edge of the survey may fall on either side of a pixel's centre.
            assert (part.valid != big.valid[rows, cols]).mean() < 1e-3
            both = part.valid & big.valid[rows, cols]
            difference = np.abs(part.rgb.astype(int) - big.rgb[rows, cols])[both]
            assert difference.size == 0 or difference.max() <= 1


@pytest.mark.parametrize(
    ("window", "share"),
    [
        (Window(0, 0, 1, 1), 0.0),
        (Window(100, 120, 1, 1), 1.0),
        (Window(100, 120, 2, 1), 1.0),
        (Window(100, 120, 1, 2), 1.0),
        (Window(100, 120, 1, 90), 1.0),
        (Window(0, 0, 0, 5), 0.0),
        (Window(-5000, 0, 20, 20), 0.0),
        (Window(0, 9_000_000, 20, 20), 0.0),
        (Window(-20, 0, 80, 279), 0.43),
    ],
    ids=str,
)
def test_windows_at_and_beyond_the_edge(tmp_path, window, share):
    path = write_ortho(tmp_path / "o.tif")
    with open_ortho(path) as survey:
        west, south, east, north = survey.bounds_in(GROUND_CRS)
        grid = Grid.covering(GROUND_CRS, (west - 10, south - 10, east + 10, north + 10), 0.5)
        ortho = survey.read_ortho(grid, window)
    assert ortho.rgb.shape == (window.height, window.width, 3)
    assert ortho.valid.shape == (window.height, window.width)
    assert (ortho.valid.mean() if ortho.valid.size else 0) == pytest.approx(share, abs=0.03)
    assert (ortho.rgb[~ortho.valid] == 0).all()


def test_valid_reaches_exactly_to_the_edge(tmp_path):
    path = write_ortho(tmp_path / "o.tif")
    with open_ortho(path) as survey:
        west, south, east, north = survey.bounds_in(GROUND_CRS)
        grid = Grid.covering(GROUND_CRS, (west - 10, south - 10, east + 10, north + 10), 0.5)
        valid = survey.read_ortho(grid, grid.whole).valid
    assert valid.sum() == pytest.approx(240 * 200, rel=0.005)
    assert worst_edge(valid) <= 21


def worst_edge(valid: np.ndarray) -> int:
    rows, cols = np.nonzero(valid)
    return max(
        rows.min(), cols.min(), valid.shape[0] - 1 - rows.max(), valid.shape[1] - 1 - cols.max()
    )


HIDDEN = np.zeros((200, 240), bool)
HIDDEN[60:140, 90:150] = True


@pytest.mark.parametrize("overviews", [(), (2, 4)])
@pytest.mark.parametrize("grid_gsd_m", [0.5, 2.0])
@pytest.mark.parametrize(
    "profile",
    [
        {"fourth": np.where(HIDDEN, 0, 255)},
        {"nodata": 0, "paint": lambda bands: bands.__setitem__((slice(None), HIDDEN), 0)},
        {"mask": ~HIDDEN},
        {
            "dtype": "float32",
            "paint": lambda bands: bands.__setitem__((slice(None), HIDDEN), np.nan),
        },
    ],
    ids=["alpha", "nodata", "internal mask", "NaN"],
)
def test_hidden_ground_stays_hidden_and_does_not_colour_the_rest(
    tmp_path, profile, grid_gsd_m, overviews
):
    path = write_ortho(tmp_path / "o.tif", overviews=overviews, **profile)
    grid = grid_inside(grid_gsd_m, 60.0)
    with open_ortho(path) as survey:
        ortho = survey.read_ortho(grid, grid.whole)
        assert survey.has_data()
    x, y = ground_of(GROUND_CRS, grid.transform, grid.width, grid.height)
    west, south, east, north = EAST_M - 15, NORTH_M - 20, EAST_M + 15, NORTH_M + 20
    margin = 1.5 * grid_gsd_m
    core = (x > west + margin) & (x < east - margin) & (y > south + margin) & (y < north - margin)
    around = (x < west - margin) | (x > east + margin) | (y < south - margin) | (y > north + margin)
    assert not ortho.valid[core].any()
    assert ortho.valid[around].all()
    if grid_gsd_m == 0.5:
        assert worst(ortho, truth(grid, grid.whole)) < 2.5
    else:  # a 2 m pixel that is half hidden shows its other half; black mixed in shows as 60
        assert worst(ortho, truth(grid, grid.whole)) < 25


@pytest.mark.parametrize("overviews", [(), (2, 4)])
@pytest.mark.parametrize("grid_gsd_m", [0.4, 2.1])
@pytest.mark.parametrize(
    ("fill", "profile"),
    [
        (-9999.0, {"nodata": -9999}),
        (-9999.0, {}),
        (-32767.0, {}),
        (1e20, {}),
        (np.nan, {}),
        (np.nan, {"nodata": float("nan")}),
        (-3.4028234663852886e38, {"nodata": -3.4028234663852886e38}),
        (np.inf, {}),
        (-32768, {"dtype": "int16", "scale": 0.01, "offset": 40.0, "nodata": -32768}),
        (65535, {"dtype": "uint16", "scale": 0.01, "offset": -100.0, "nodata": 65535}),
        (-9999.0, {"dtype": "float64", "nodata": -9999, "compress": "deflate", "predictor": 3}),
    ],
    ids=str,
)
def test_nodata_never_bleeds_into_heights(tmp_path, fill, profile, grid_gsd_m, overviews):
    def hide(band):
        band[HIDDEN] = fill
        band[10, ::7] = fill  # single pixels too

    path = write_dsm(tmp_path / "d.tif", paint=hide, overviews=overviews, **profile)
    grid = grid_inside(grid_gsd_m, 70.0)
    with open_surface(path) as survey:
        surface = survey.read_surface(grid, grid.whole)
    expected = heights(*ground_of(GROUND_CRS, grid.transform, grid.width, grid.height))
    there = np.isfinite(surface.height_m)
    assert surface.height_m.dtype == np.float32
    assert 0.5 < there.mean() < 0.8
    assert np.abs(surface.height_m - expected)[there].max() < (0.1 if grid_gsd_m < 1 else 1.0)


@pytest.mark.parametrize(("unit", "metres"), [("ft", 0.3048), ("us-ft", 1200 / 3937), ("metre", 1)])
def test_heights_in_feet_become_metres(tmp_path, unit, metres):
    path = write_dsm(tmp_path / "d.tif", scale=1.0, offset=0.0, unit=unit)
    grid = grid_inside()
    with open_surface(path) as survey:
        surface = survey.read_surface(grid, grid.whole)
    expected = heights(*ground_of(GROUND_CRS, grid.transform, grid.width, grid.height)) * metres
    assert np.abs(surface.height_m - expected).max() < 0.1


@pytest.mark.parametrize("cog", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_an_empty_survey_is_noticed(tmp_path, dtype, cog):
    path = write_bands(
        tmp_path / "o.tif",
        np.zeros((3, 700, 900), dtype),
        transform=grid_inside().transform,
        nodata=0,
    )
    if cog:
        path = to_cog(path, tmp_path / "cog.tif")
    with open_ortho(path) as survey:
        assert not survey.has_data()


@pytest.mark.parametrize("row_col", [(0, 0), (650, 3), (699, 899)])
def test_one_pixel_is_data(tmp_path, row_col):
    bands = np.zeros((3, 700, 900), np.uint8)
    bands[:, row_col[0], row_col[1]] = 9
    path = write_bands(tmp_path / "o.tif", bands, transform=grid_inside().transform, nodata=0)
    with open_ortho(path) as survey:
        assert survey.has_data()


def test_an_empty_deep_survey_says_so_when_read(tmp_path):
    path = write_bands(
        tmp_path / "o.tif",
        np.zeros((3, 100, 100), np.uint16),
        transform=grid_inside().transform,
        nodata=0,
    )
    grid = grid_inside()
    with open_ortho(path) as survey, pytest.raises(BadRaster, match="every pixel is marked"):
        survey.read_ortho(grid, grid.whole)


def test_many_threads_read_the_same_as_one(tmp_path):
    path = write_ortho(
        tmp_path / "o.tif",
        gsd_m=0.1,
        size_wh=(1400, 1200),
        dtype="uint16",
        gain=20,
        overviews=(2, 4),
        tiled=True,
        blockxsize=128,
        blockysize=128,
        compress="deflate",
    )
    grid = grid_inside(0.25, 100.0)
    tiles = list(grid.tiles(64)) * 2
    with open_ortho(path) as survey:
        alone = [survey.read_ortho(grid, tile).rgb for tile in tiles]
    with open_ortho(path) as survey, ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda tile: survey.read_ortho(grid, tile).rgb, tiles))
    assert all(np.array_equal(a, b) for a, b in zip(alone, together, strict=True))


def test_closing_closes_what_threads_opened(tmp_path):
    path = write_ortho(tmp_path / "o.tif", overviews=(2,))
    grid = grid_inside()
    with open_ortho(path) as survey, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda tile: survey.read_ortho(grid, tile).rgb, grid.tiles(16)))
    held = [link.resolve() for link in Path("/proc/self/fd").iterdir() if link.exists()]
    assert path not in held


def test_sha256_is_that_of_the_file(tmp_path):
    path = write_ortho(tmp_path / "o.tif")
    with open_ortho(path) as survey:
        assert survey.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("crs", [UTM49, LONLAT, CGCS2000, FEET], ids=lambda c: c.name)
def test_bounds_in_another_crs_hold_every_pixel(tmp_path, crs):
    path = write_ortho(tmp_path / "o.tif", crs=crs, turn_deg=20.0)
    with open_ortho(path) as survey:
        west, south, east, north = survey.bounds_in(GROUND_CRS)
        x, y = ground_of(crs, survey.info.transform, survey.info.width, survey.info.height)
    assert west <= x.min() and x.max() <= east and south <= y.min() and y.max() <= north
    assert east - west < np.ptp(x) + 2 and north - south < np.ptp(y) + 2


@pytest.mark.parametrize("compress", ["jpeg", "deflate", "lzw", "zstd"])
def test_damaged_pixels_are_an_error_not_a_picture(tmp_path, compress, capfd):
    rng = np.random.default_rng(0)

    def noise(bands):
        bands[:] = rng.integers(0, 255, bands.shape)

    path = write_ortho(
        tmp_path / "o.tif",
        size_wh=(512, 512),
        paint=noise,
        compress=compress,
        tiled=True,
        blockxsize=256,
        blockysize=256,
    )
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = rng.integers(0, 256, 2000, dtype=np.uint8).tobytes()
    path.write_bytes(content)
    with open_ortho(path) as survey:
        grid = Grid.covering(GROUND_CRS, survey.bounds_in(GROUND_CRS), 0.5)
        with pytest.raises(BadRaster, match="cannot be decoded") as caught:
            survey.read_ortho(grid, grid.whole)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("cog", [False, True])
def test_a_file_cut_anywhere_gives_an_error_or_the_whole_picture(tmp_path, cog, capfd):
    path = write_ortho(
        tmp_path / "o.tif", size_wh=(500, 400), compress="deflate", overviews=() if cog else (2, 4)
    )
    if cog:
        path = to_cog(path, tmp_path / "cog.tif", OVERVIEW_COUNT=2)
    content = path.read_bytes()
    cut = tmp_path / "cut.tif"
    grid = grid_inside(0.5, 150.0)

    def both(survey: SurveyRaster) -> list[np.ndarray]:
        coarse = grid.coarser(2.0)
        return [survey.read_ortho(g, g.whole).rgb for g in (grid, coarse)]

    with open_ortho(path) as survey:
        whole = both(survey)
    refused = 0
    for share in np.linspace(0, 0.9999, 60):
        cut.write_bytes(content[: int(len(content) * share)])
        try:
            with open_ortho(cut) as survey:
                read = both(survey)
        except InputError as error:
            assert str(cut) in str(error)
            refused += 1
            continue
        assert np.array_equal(read[0], whole[0])
    assert refused >= 50
    assert capfd.readouterr().err == ""
