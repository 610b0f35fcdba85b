"""Every error is a CityEyeError and the built-in error that it is."""

from __future__ import annotations

import inspect

import pytest

from vision import errors

BUILT_IN = {
    "CityEyeError": Exception,
    "InputError": ValueError,
    "BadRaster": ValueError,
    "LimitExceeded": ValueError,
    "NoOverlap": ValueError,
    "BadVector": ValueError,
    "AlignmentFailed": ValueError,
    "OutputError": OSError,
}
INPUT_ERRORS = {"BadRaster", "LimitExceeded", "NoOverlap", "BadVector", "AlignmentFailed"}


def test_every_error_is_listed_here():
    found = {
        name
        for name, value in inspect.getmembers(errors, inspect.isclass)
        if value.__module__ == errors.__name__
    }
    assert found == set(BUILT_IN)


@pytest.mark.parametrize(("name", "built_in"), BUILT_IN.items())
def test_caught_as_its_root_and_as_the_built_in(name, built_in):
    error = getattr(errors, name)
    with pytest.raises(errors.CityEyeError, match="what was wrong"):
        raise error("what was wrong")
    with pytest.raises(built_in):
        raise error("what was wrong")
    assert error.__doc__


@pytest.mark.parametrize("name", BUILT_IN)
def test_input_errors_are_told_from_all_others(name):
    expected = name in INPUT_ERRORS | {"InputError"}
    assert issubclass(getattr(errors, name), errors.InputError) is expected


def test_an_output_error_keeps_a_message_of_its_own():
    assert str(errors.OutputError("/out: is a file")) == "/out: is a file"
