"""Windows for training: labels stay on what they label, whatever is cut, mirrored or enlarged."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from models.street.views import GREY, Views, batches, read_picture

SIZE_WH = (320, 192)
PLAIN = {"hue": 0.0, "saturation": 0.0, "brightness": 0.0}


def picture_with_block(size_wh=(480, 270), block=(200, 90, 280, 150)):
    """A red block on blue ground and its label."""
    width, height = size_wh
    picture = np.full((height, width, 3), (20, 30, 160), np.uint8)
    x1, y1, x2, y2 = block
    picture[y1:y2, x1:x2] = (220, 20, 20)
    middle = (x1 + x2) / 2 / width, (y1 + y2) / 2 / height
    return picture, np.array([[6, *middle, (x2 - x1) / width, (y2 - y1) / height]], np.float32)


@pytest.mark.parametrize("zoom", [(0.5, 0.5), (1.0, 1.0), (1.0, 3.0)])
def test_the_label_is_where_the_pixels_are(zoom):
    views = Views(SIZE_WH, zoom, 320, **PLAIN)
    rng = np.random.default_rng(3)
    seen = 0
    for _ in range(30):
        window, labels = views.window(*picture_with_block(), rng)
        assert window.shape == (SIZE_WH[1], SIZE_WH[0], 3)
        red = (window[..., 0] > 120) & (window[..., 2] < 90)
        for label, x, y, wide, high in labels:
            seen += 1
            assert label == 6
            rows, columns = np.nonzero(red)
            found = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
            told = (
                (x - wide / 2) * SIZE_WH[0],
                (y - high / 2) * SIZE_WH[1],
                (x + wide / 2) * SIZE_WH[0],
                (y + high / 2) * SIZE_WH[1],
            )
            assert np.array(told) == pytest.approx(np.array(found), abs=2.0)
    assert seen > 10


def test_objects_are_shown_nearer_and_farther():
    views = Views(SIZE_WH, (0.6, 1.6), 320, **PLAIN)
    rng = np.random.default_rng(1)
    # No wider than the window at any zoom, so that its height is never cut.
    sizes = [
        float(labels[0, 4] * SIZE_WH[1])
        for _ in range(60)
        for labels in [views.window(*picture_with_block(), rng)[1]]
        if len(labels)
    ]
    usual = 60 * 320 / 480
    assert min(sizes) < 0.75 * usual
    assert max(sizes) > 1.35 * usual


def test_what_is_mostly_cut_off_is_not_labelled():
    views = Views((64, 64), (1.0, 1.0), 480, **PLAIN)
    rng = np.random.default_rng(2)
    for _ in range(40):
        window, labels = views.window(*picture_with_block(), rng)
        share = ((window[..., 0] > 120) & (window[..., 2] < 90)).sum() / (80 * 60)
        if share < 0.25:
            assert not len(labels)
        if share > 0.4:
            assert len(labels) == 1


def test_a_small_picture_is_set_in_grey():
    picture, labels = picture_with_block((160, 90), (60, 30, 90, 50))
    window, _ = Views(SIZE_WH, (0.5, 0.5), 320, **PLAIN).window(
        picture, labels, np.random.default_rng(0)
    )
    assert (window == GREY).all(axis=2).mean() > 0.6


def folder_of(tmp_path, count):
    for number in range(count):
        picture, labels = picture_with_block()
        path = tmp_path / "images" / "train" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        if number:
            lines = tmp_path / "labels" / "train" / f"{number}.txt"
            lines.parent.mkdir(parents=True, exist_ok=True)
            lines.write_text(" ".join(str(value) for value in labels[0]) + "\n")
    return sorted((tmp_path / "images" / "train").iterdir())


def test_batches_show_every_picture_and_repeat_with_the_seed(tmp_path):
    images = folder_of(tmp_path, 5)
    views = Views(SIZE_WH, (0.8, 1.2), 320, 0.02, 0.3, 0.3)
    made = list(batches(images, views, batch=2, epochs=3, seed=4))
    assert len(made) == 6
    again = list(batches(images, views, batch=2, epochs=3, seed=4))
    for (windows, labels), (other_windows, other_labels) in zip(made, again, strict=True):
        assert windows.shape == (2, SIZE_WH[1], SIZE_WH[0], 3)
        assert np.array_equal(windows, other_windows)
        assert np.array_equal(labels, other_labels)
        assert set(labels[:, 0]) <= {0.0, 1.0}


def test_a_picture_without_a_label_file_holds_nothing(tmp_path):
    images = folder_of(tmp_path, 2)
    assert [len(read_picture(path)[1]) for path in images] == [0, 1]


def test_a_picture_that_cannot_be_read_is_said_where_batches_are_read(tmp_path):
    images = folder_of(tmp_path, 2)
    images[1].write_bytes(b"no picture")
    views = Views(SIZE_WH, (1.0, 1.0), 320, **PLAIN)
    with pytest.raises(FileNotFoundError, match=r"1\.png"):
        list(batches(images, views, batch=2, epochs=1, seed=0))


def test_who_stops_reading_early_leaves_no_worker(tmp_path):
    import threading

    images = folder_of(tmp_path, 4)
    before = threading.active_count()
    shown = batches(images, Views(SIZE_WH, (1.0, 1.0), 320, **PLAIN), batch=1, epochs=50, seed=0)
    next(shown)
    shown.close()
    assert threading.active_count() == before
