"""Blocks for the learned cue: labels are true, everything else may differ."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from shapely.geometry import box

from datasets.change_pairs import (
    APPEARED,
    UNKNOWN,
    VANISHED,
    ChangeBlock,
    collage_block,
    cut_roofs,
    planted_block,
    read_blocks,
    rendered_block,
    write_block,
)
from datasets.change_pairs.blocks import match_tone
from datasets.change_pairs.collage import erase, paste_roof, transformed
from datasets.planting import Sun

GSD_M = 0.3
SIDE = 256
ROOFS = [box(30, 40, 70, 66), box(120, 150, 150, 190), box(200, 60, 226, 90)]


def ground(seed=0):
    """Grass with earth paths and three roofs."""
    rng = np.random.default_rng(seed)
    noise = cv2.GaussianBlur(rng.standard_normal((SIDE, SIDE)).astype(np.float32), (0, 0), 1.5)
    rgb = np.array((92, 124, 66), np.float32) + (40 * noise)[..., None]
    rgb[:, 96:110] = np.array((172, 142, 108), np.float32) + (20 * noise[:, 96:110])[..., None]
    for number, roof in enumerate(ROOFS):
        left, top, right, bottom = (int(v) for v in roof.bounds)
        colour = np.array(((60, 100, 170), (170, 80, 60), (200, 200, 196))[number], np.float32)
        stripes = 12 * (np.arange(right - left) % 4 < 2)
        rgb[top:bottom, left:right] = colour + stripes[None, :, None]
    return np.clip(rgb, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def roofs():
    return cut_roofs(ground(), ROOFS, gsd_m=GSD_M)


@pytest.fixture(scope="module")
def blocks(roofs):
    return [
        collage_block(ground(), gsd_m=GSD_M, seed=seed, roofs=roofs, buildings=ROOFS)
        for seed in range(6)
    ]


def apart(block):
    return np.abs(block.before.astype(float) - block.after).mean(axis=2)


def test_roofs_are_cut_where_they_are(roofs):
    assert len(roofs) == 3
    for roof, outline in zip(roofs, ROOFS, strict=True):
        assert roof.alpha.sum() == pytest.approx(outline.area, rel=0.02)
    assert roofs[0].rgb[5, 5, 2] > roofs[0].rgb[5, 5, 0]


@pytest.mark.parametrize("outline", [box(-5, 10, 30, 40), box(10, 10, 13, 13), box(0, 0, 250, 250)])
def test_roofs_cut_by_the_frame_or_of_no_usual_size_are_left(outline):
    assert cut_roofs(ground(), [outline], gsd_m=GSD_M) == []


def test_a_turned_roof_keeps_about_its_area(roofs):
    for seed in range(5):
        turned = transformed(roofs[0], np.random.default_rng(seed))
        scale = turned.alpha.sum() / roofs[0].alpha.sum()
        assert 0.7**2 * 0.9 < scale < 1.35**2 * 1.1
        assert turned.rgb.shape[:2] == turned.alpha.shape


def test_a_pasted_roof_throws_its_shadow_away_from_the_sun(roofs):
    picture = ground().astype(np.float32)
    before = picture.copy()
    mask = paste_roof(
        picture, roofs[0], top_left=(180, 180), sun=Sun(180.0, 45.0), height_m=3.0, gsd_m=GSD_M
    )
    assert mask.sum() == pytest.approx((roofs[0].alpha > 0.5).sum(), rel=0.05)
    row, col = 180, 200  # the sun stands in the south: shade falls to the north, up
    assert picture[row - 5, col].mean() < 0.7 * before[row - 5, col].mean()
    assert picture[row + 45, col].mean() == pytest.approx(before[row + 45, col].mean())


def test_what_is_erased_looks_like_ground_and_neighbours_stay():
    picture = ground().astype(np.float32)
    area = np.zeros((SIDE, SIDE), bool)
    area[36:70, 26:74] = True
    keep = np.zeros_like(area)
    keep[36:40, 26:40] = True
    open_ = np.zeros_like(area)
    open_[100:250, 0:90] = True
    kept = picture[keep].copy()
    assert erase(picture, area, open_, np.random.default_rng(1), keep=keep)
    inner = picture[48:60, 40:64]
    assert inner[..., 1].mean() > inner[..., 2].mean() + 20  # green, no longer blue
    assert np.abs(picture[keep] - kept).mean() < 12
    assert not erase(picture, area, np.zeros_like(area), np.random.default_rng(1), keep=keep)


def test_collages_hold_every_label_and_the_same_seed_gives_the_same(blocks, roofs):
    again = collage_block(ground(), gsd_m=GSD_M, seed=3, roofs=roofs, buildings=ROOFS)
    assert np.array_equal(again.label, blocks[3].label)
    assert np.array_equal(again.before, blocks[3].before)
    values = set(np.unique(np.concatenate([block.label.ravel() for block in blocks])))
    assert values == {0, APPEARED, VANISHED, UNKNOWN}


def test_labelled_ground_differs_more_than_the_rest(blocks):
    changed = np.concatenate(
        [apart(b)[(b.label == APPEARED) | (b.label == VANISHED)] for b in blocks]
    )
    same = np.concatenate([apart(b)[b.label == 0] for b in blocks])
    assert np.median(changed) > 2 * np.median(same)


def test_a_planted_block_is_at_the_working_size():
    rng = np.random.default_rng(3)
    fine = cv2.resize(ground(), (2 * SIDE, 2 * SIDE), interpolation=cv2.INTER_CUBIC)
    fine = np.clip(fine + rng.normal(0, 3, fine.shape), 0, 255).astype(np.uint8)
    block = planted_block(fine, gsd_m=0.15, to_gsd_m=0.3, seed=4)
    assert block.before.shape == block.after.shape == (SIDE, SIDE, 3)
    assert (block.label == APPEARED).sum() * GSD_M**2 > 20


def test_a_rendered_block_keeps_its_masks():
    appeared, vanished = np.zeros((2, SIDE, SIDE), bool)
    appeared[40:66, 30:70] = True
    vanished[150:190, 120:150] = True
    block = rendered_block(
        ground(), ground(), appeared=appeared, vanished=vanished, gsd_m=GSD_M, seed=1
    )
    assert (block.label[44:62, 34:66] == APPEARED).all()
    assert (block.label[154:186, 124:146] == VANISHED).all()
    assert block.label[39, 50] == UNKNOWN
    assert (block.label[:30] == 0).all()


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_tones_are_matched_as_far_as_asked(share):
    after = ground()
    before = np.clip(after * 0.7 + 10, 0, 255).astype(np.uint8)
    matched = match_tone(before, after, np.ones(after.shape[:2], bool), share=share)
    gap = np.abs(matched.astype(float) - after).mean()
    assert gap < 3 if share else gap == pytest.approx(np.abs(before.astype(float) - after).mean())


def test_blocks_survive_a_folder(tmp_path, blocks):
    write_block(tmp_path / "b.npz", blocks[1])
    write_block(tmp_path / "a.npz", blocks[0])
    (tmp_path / "c.part.npz").write_bytes(b"half a file")
    read = list(read_blocks(tmp_path))
    assert [name for name, _ in read] == ["a", "b"]
    for (_, block), wanted in zip(read, blocks, strict=False):
        assert isinstance(block, ChangeBlock)
        assert np.array_equal(block.before, wanted.before)
        assert np.array_equal(block.label, wanted.label)
