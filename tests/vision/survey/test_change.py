"""The change cues: what was built shows, what only looks different does not."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.make_scenes import (
    BLUE_ROOF,
    EARTH,
    GREY_ROOF,
    GSD_M,
    RED_ROOF,
    RIPE,
    pair_window,
    village,
)
from vision.finding import ModelRef
from vision.survey.change import (
    change_layers,
    colour_distance,
    height_cues,
    logit,
    margin_px,
    sigmoid,
    texture_change,
    tolerance_px,
)
from vision.survey.radiometry import fit_tone

SHED = (10.0, 10.0, 16.0, 14.5)

BRIGHTNESS = ModelRef(name="brightness", version="1", sha256="ab" * 32)


@dataclass
class BrightnessModel:
    """A change model as simple as can be: what got brighter by 60 of 255 was built."""

    gsd_m: float = 0.5
    model: ModelRef = BRIGHTNESS
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def __call__(self, before, after):
        self.shapes.append(before.shape)
        brighter = (after.astype(np.float32) - before).mean(axis=-1)
        return np.clip(brighter / 120, 0, 1).astype(np.float32)


def mean_in(values, scene, box, inset_m=1.0):
    left, top, right, bottom = box
    core = scene.mask((left + inset_m, top + inset_m, right - inset_m, bottom - inset_m))
    return float(values[core].mean())


def relit_pair(gain, offset):
    before, after = village(), village()
    after.rgb = after.rgb * np.asarray(gain, np.float32) + np.float32(offset)
    first, second = before.noisy(1), after.noisy(2)
    valid = np.ones(first.shape[:2], bool)
    tone = fit_tone(first, second, valid, grid=before.grid)
    return pair_window(tone.apply(first, before.grid, before.grid.whole), second)


@pytest.mark.parametrize(
    ("gain", "offset"), [((1, 1, 1), 0), ((1.12, 1.06, 0.98), 4), ((0.85, 0.85, 0.9), -3)]
)
def test_unchanged_ground_in_another_light_stays_low(gain, offset):
    layers = change_layers(relit_pair(gain, offset), min_height_m=2)
    assert (layers.fused > 0.5).mean() < 0.002
    assert layers.fused.mean() < 0.15


@pytest.mark.parametrize(
    ("box", "colour"),
    [((44, 6, 56, 16), BLUE_ROOF), ((20, 60, 28, 66), RED_ROOF), (SHED, BLUE_ROOF),
     (SHED, GREY_ROOF)],
    ids=["roof painted", "red on paving", "blue on grass", "grey on grass"],
)  # fmt: skip
def test_a_new_surface_is_high_and_ends_at_its_edge(box, colour):
    before, after = village(), village()
    after.field(box, colour)
    layers = change_layers(pair_window(before, after), min_height_m=2)
    assert mean_in(layers.colour, after, box) > 0.8
    left, top, right, bottom = box
    far = ~after.mask((left - 3, top - 3, right + 3, bottom + 3))
    assert (layers.colour[far] > 0.5).mean() < 0.002


def test_plants_that_ripened_look_different_but_are_no_change():
    before, after = village(), village()
    after.field((4, 4, 36, 34), RIPE)
    layers = change_layers(pair_window(before, after), min_height_m=2)
    assert mean_in(layers.appearance, after, (4, 4, 36, 34), 3) > 0.4
    assert mean_in(layers.colour, after, (4, 4, 36, 34), 3) < 0.1


def test_plants_dug_away_are_change():
    before, after = village(), village()
    after.field((4, 4, 36, 34), EARTH)
    layers = change_layers(pair_window(before, after), min_height_m=2)
    assert mean_in(layers.colour, after, (4, 4, 36, 34), 3) > 0.8


@pytest.mark.parametrize("at", ["before", "after"])
def test_shadow_is_drawn_down_on_either_date(at):
    scenes = {"before": village(), "after": village()}
    shaded = scenes[at].mask((36, 40, 50, 54))
    scenes[at].rgb[shaded] *= np.array([0.27, 0.29, 0.33], np.float32)
    layers = change_layers(pair_window(**scenes), min_height_m=2)
    assert mean_in(layers.colour, scenes[at], (36, 40, 50, 54), 2) < 0.4


def test_heights_see_a_roof_of_the_same_colour():
    before, after = village(), village()
    after.height_m[after.mask((46, 8, 51, 13))] += 2.8
    layers = change_layers(pair_window(before, after, heights=True), min_height_m=2)
    assert mean_in(layers.colour, after, (46, 8, 51, 13)) < 0.3
    assert mean_in(layers.rise, after, (46, 8, 51, 13)) > 0.9
    assert mean_in(layers.fused, after, (46, 8, 51, 13)) > 0.9
    assert layers.fall.max() < 0.1
    assert layers.gain_m.max() == pytest.approx(2.8, abs=0.01)
    back = change_layers(pair_window(after, before, heights=True), min_height_m=2)
    assert mean_in(back.fall, after, (46, 8, 51, 13)) > 0.9
    assert back.loss_m.max() == pytest.approx(2.8, abs=0.01)


def test_the_least_height_moves_what_counts_as_a_rise():
    before, after = village(), village()
    after.height_m[after.mask((46, 8, 51, 13))] += 2.8
    window = pair_window(before, after, heights=True)
    rise = [
        mean_in(change_layers(window, min_height_m=m).rise, after, (46, 8, 51, 13))
        for m in (2, 4, 8)
    ]
    assert rise[0] > 0.9
    assert rise[0] > rise[1] > rise[2]
    assert rise[2] < 0.1


def test_unknown_heights_leave_it_to_colour():
    before, after = village(), village()
    after.block(SHED, 3.0, BLUE_ROOF, shadow=False)
    after.height_m[after.mask(SHED)] = np.nan
    layers = change_layers(pair_window(before, after, heights=True), min_height_m=2)
    assert mean_in(layers.rise, after, SHED) == 0
    assert not layers.height_known[after.mask(SHED)].any()
    assert mean_in(layers.fused, after, SHED) > 0.8
    assert np.isfinite(layers.fused).all()


def test_a_learned_cue_looks_at_both_pictures_and_moves_the_result():
    before, after = village(), village()
    # A change that the colour cue forgives: plants that turned pale.
    after.rgb[after.mask((8, 8, 30, 30))] += 70
    window, model = pair_window(before, after), BrightnessModel()
    alone = change_layers(window, min_height_m=2)
    layers = change_layers(window, min_height_m=2, learned=model)
    assert alone.learned is None
    box = (8, 8, 30, 30)
    assert mean_in(layers.learned, after, box) > 0.5
    assert mean_in(layers.learned, after, (36, 36, 60, 56)) < 0.1
    quiet = (36, 36, 60, 56)
    assert mean_in(layers.fused, after, quiet) < mean_in(alone.fused, after, quiet)
    assert mean_in(layers.fused, after, box) != pytest.approx(
        mean_in(alone.fused, after, box), abs=0.02
    )
    assert model.shapes == [(160, 160, 3)] * 2  # once for each direction
    assert layers.fused.shape == window.valid.shape


def test_a_learned_cue_tells_what_came_from_what_went():
    before, after = village(), village()
    after.rgb[after.mask((8, 8, 30, 30))] += 70
    before.rgb[before.mask((40, 40, 56, 56))] += 70
    layers = change_layers(pair_window(before, after), min_height_m=2, learned=BrightnessModel())
    assert mean_in(layers.learned, after, (8, 8, 30, 30)) > 0.5
    assert mean_in(layers.learned_gone, after, (8, 8, 30, 30)) < 0.05
    assert mean_in(layers.learned_gone, after, (40, 40, 56, 56)) > 0.5
    assert mean_in(layers.learned, after, (40, 40, 56, 56)) < 0.05


def test_a_learned_cue_and_colour_are_averaged_as_log_odds_the_learned_counting_double():
    before, after = village(), village()
    after.field(SHED, BLUE_ROOF)
    model = BrightnessModel(gsd_m=GSD_M)
    layers = change_layers(pair_window(before, after), min_height_m=2, learned=model)
    built = np.maximum(layers.learned, layers.learned_gone)
    expected = sigmoid((logit(layers.colour) + 2 * logit(built)) / 3)
    assert np.allclose(layers.fused, expected, atol=1e-5)


def test_nothing_is_said_where_a_survey_has_no_data():
    before, after = village(), village()
    after.block((20, 60, 28, 66), 3.0, RED_ROOF)
    valid = ~after.mask((15, 55, 33, 71))
    window = pair_window(before, after, heights=True, valid=valid)
    layers = change_layers(window, min_height_m=2, learned=BrightnessModel())
    for name in ("appearance", "colour", "learned", "learned_gone", "rise", "fall"):
        assert getattr(layers, name)[~valid].max() == 0


def test_all_probabilities_are_probabilities():
    before, after = village(), village(seed=2)
    layers = change_layers(
        pair_window(before, after, heights=True), min_height_m=2, learned=BrightnessModel()
    )
    for name in ("appearance", "colour", "rise", "fall", "learned", "learned_gone", "fused"):
        values = getattr(layers, name)
        assert values.dtype == np.float32
        assert values.min() >= 0
        assert values.max() <= 1


def test_colour_distance_forgives_an_edge_that_lies_aside():
    before = village().picture
    moved = np.roll(before, 1, axis=1)
    assert colour_distance(before, moved, reach_px=1)[:, 2:-2].max() == 0
    assert colour_distance(before, np.roll(before, 4, axis=1), reach_px=1).max() > 10


@given(level=st.integers(20, 200), step=st.integers(3, 50))
def test_colour_distance_is_symmetric_and_zero_for_the_same(level, step):
    a = np.full((9, 9, 3), level, np.uint8)
    b = np.full((9, 9, 3), level + step, np.uint8)
    assert colour_distance(a, a, reach_px=1).max() == 0
    assert np.array_equal(colour_distance(a, b, reach_px=1), colour_distance(b, a, reach_px=1))
    assert colour_distance(a, b, reach_px=1).max() > 0


def _rough(rgb):
    return np.clip((rgb.astype(float) - 128) * 3 + 128, 0, 255).astype(np.uint8)


def test_texture_is_blind_to_light_and_sees_another_pattern():
    before, other = (_rough(village(seed=seed).picture) for seed in (1, 9))
    darker = np.clip(before * 0.8 + 10, 0, 255).astype(np.uint8)
    same = texture_change(before, darker, gsd_m=GSD_M)
    other = texture_change(before, other, gsd_m=GSD_M)
    assert same.mean() < 0.3
    assert other.mean() > same.mean() + 0.3
    flat = np.full((40, 40, 3), 100, np.uint8)
    assert np.allclose(texture_change(flat, flat, gsd_m=GSD_M), 0.5)


@pytest.mark.parametrize("gsd_m", [0.02, 0.05, 0.1, 0.2, 0.25, 0.5, 2.0])
def test_margins_hold_what_the_cues_reach(gsd_m):
    assert margin_px(gsd_m) % 8 == 0
    assert margin_px(gsd_m) >= 48
    assert margin_px(gsd_m) * gsd_m >= 16
    assert tolerance_px(gsd_m) >= 1


@given(st.floats(-1e6, 1e6))
def test_sigmoid_is_safe_for_any_number(x):
    value = float(sigmoid(np.array([[x]], np.float32))[0, 0])
    assert 0 <= value <= 1
    assert value == pytest.approx(1 / (1 + np.exp(-np.clip(x, -30, 30))), abs=1e-6)
    assert abs(float(logit(np.array([value], np.float32))[0])) < 7


def test_height_cues_need_both_models():
    with pytest.raises(ValueError, match="both surface models"):
        height_cues(pair_window(village(), village()), min_height_m=2)
