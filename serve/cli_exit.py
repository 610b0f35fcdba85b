"""What commands share: settings, the registry of models, and errors as one line and a code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, NoReturn

import typer

from models.errors import ModelError
from vision.errors import CityEyeError, InputError

if TYPE_CHECKING:
    from models.registry import Registry
    from serve.settings import Settings

EXIT_BAD_INPUT = 3
EXIT_FAILED = 4
EXIT_INTERRUPTED = 130


def read_settings() -> Settings:
    """Read the settings.

    Raises:
        InputError: The environment holds a wrong one; the message names it.
    """
    from pydantic import ValidationError
    from pydantic_settings import SettingsError

    from serve.settings import Settings

    try:
        return Settings()
    except SettingsError as error:
        raise InputError(
            "a setting in the environment is wrong: CITYEYE_RASTER is not JSON; set single "
            "limits instead, for example CITYEYE_RASTER__MAX_PIXELS"
        ) from error
    except ValidationError as error:
        wrong = "; ".join(
            f"CITYEYE_{'__'.join(str(part) for part in item['loc']).upper()}: {item['msg']}"
            for item in error.errors()
        )
        raise InputError(f"a setting in the environment is wrong: {wrong}") from error


def own_and_shipped() -> Registry:
    """Return the registry of the city's own models, where it has any, and those that ship.

    Raises:
        InputError: A setting is wrong.
    """
    from models.registry import SHIPPED_FOLDER, Registry

    own = read_settings().models_dir
    return Registry((SHIPPED_FOLDER,) if own is None else (own, SHIPPED_FOLDER))


@contextmanager
def exit_codes() -> Iterator[None]:
    """Turn errors into one line on stderr and the exit code that names their kind."""
    try:
        yield
    except (InputError, ModelError) as error:
        _fail(str(error), EXIT_BAD_INPUT)
    except (CityEyeError, OSError, MemoryError) as error:
        _fail(str(error) or type(error).__name__, EXIT_FAILED)
    except KeyboardInterrupt:
        _fail("interrupted; nothing was written", EXIT_INTERRUPTED)


def _fail(message: str, code: int) -> NoReturn:
    typer.echo(f"cityeye: {' '.join(message.split())}", err=True)
    raise typer.Exit(code)
