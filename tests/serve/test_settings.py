"""Settings come from the environment and say their name when they are wrong."""

from __future__ import annotations

import os

import pytest
from pydantic import ValidationError

from serve.settings import Settings
from vision.survey.limits import RasterLimits


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    for name in [name for name in os.environ if name.startswith("CITYEYE_")]:
        monkeypatch.delenv(name)


def test_without_environment_the_defaults_hold():
    assert Settings().raster == RasterLimits()


@pytest.mark.parametrize("name", RasterLimits.model_fields)
def test_every_limit_can_be_set(monkeypatch, name):
    monkeypatch.setenv(f"CITYEYE_RASTER__{name.upper()}", "1234")
    assert Settings().raster == RasterLimits(**{name: 1234})


def test_all_limits_can_be_set_as_json(monkeypatch):
    monkeypatch.setenv("CITYEYE_RASTER", '{"max_bands": 4}')
    monkeypatch.setenv("CITYEYE_RASTER__MAX_PIXELS", "99")
    assert Settings().raster == RasterLimits(max_bands=4, max_pixels=99)


@pytest.mark.parametrize("value", ["-1", "0", "many", "1.5", ""])
def test_a_wrong_value_is_refused_with_its_place(monkeypatch, value):
    monkeypatch.setenv("CITYEYE_RASTER__MAX_PIXELS", value)
    with pytest.raises(ValidationError) as caught:
        Settings()
    assert caught.value.errors()[0]["loc"] == ("raster", "max_pixels")


def test_a_misspelt_limit_is_refused(monkeypatch):
    monkeypatch.setenv("CITYEYE_RASTER__MAX_PIXEL", "5")
    with pytest.raises(ValidationError, match="max_pixel"):
        Settings()


def test_settings_of_others_do_not_disturb(monkeypatch):
    monkeypatch.setenv("CITYEYE_SHARED", "/somewhere")
    monkeypatch.setenv("RASTER__MAX_PIXELS", "7")
    assert Settings().raster.max_pixels != 7


def test_settings_do_not_change():
    with pytest.raises(ValidationError):
        Settings().raster = RasterLimits()
