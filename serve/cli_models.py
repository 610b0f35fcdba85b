"""``cityeye models``: which models are there, what they are, whether they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from models.errors import ModelError
from serve.cli_exit import exit_codes, own_and_shipped, read_settings
from vision.errors import InputError

if TYPE_CHECKING:
    from rich.table import Table

    from models.cards import ModelCard
    from models.registry import RegisteredModel, Registry

app = typer.Typer(
    name="models",
    help="The models CityEye detects with. A city's own lie in the folder that CITYEYE_MODELS_DIR "
    "names and win over those that ship, by name and version.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


@app.command("list", epilog="Exit codes: 0 done, 2 wrong usage, 3 a card cannot be used.")
def list_models() -> None:
    """List all models."""
    with exit_codes():
        from rich.console import Console

        registry = own_and_shipped()
        Console().print(_table(registry.models))
        _refuse_broken(registry)


@app.command(epilog="Exit codes: 0 done, 2 wrong usage, 3 no such model, or a card is wrong.")
def show(
    name: Annotated[str, typer.Argument(help="Name of the model.")],
    version: Annotated[
        str | None, typer.Option("--version", help="Version; default: the newest.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the card as JSON, for machines.")
    ] = False,
) -> None:
    """Print a model's card: what it is, how good it is, what nobody has tried."""
    with exit_codes():
        model = own_and_shipped().find(name, version)
        if as_json:
            typer.echo(model.card.model_dump_json())
        else:
            typer.echo("\n".join(_card_lines(model)))


@app.command(epilog="Exit codes: 0 all are whole, 2 wrong usage, 3 a model cannot be used.")
def verify(
    name: Annotated[
        str | None, typer.Argument(help="Only this model, in all versions; default: all.")
    ] = None,
) -> None:
    """Check hashes, classes and shapes of the models' files against their cards."""
    with exit_codes():
        registry = own_and_shipped()
        chosen = [model for model in registry.models if name in (None, model.card.name)]
        if name is not None and not chosen:
            registry.find(name)
        failed = 0
        for model in chosen:
            try:
                model.verify()
            except ModelError as error:
                failed += 1
                typer.echo(f"{model.label}: REFUSED: {' '.join(str(error).split())}")
            else:
                typer.echo(f"{model.label}: ok")
        _refuse_broken(registry)
        if failed:
            raise InputError(f"{failed} of {len(chosen)} models cannot be used")


@app.command(epilog="Exit codes: 0 done, 2 wrong usage, 3 the model cannot be used, 4 failed.")
def add(
    card: Annotated[Path, typer.Argument(help="The model's card.yaml; its files lie beside it.")],
) -> None:
    """Check a model and copy it into the folder that CITYEYE_MODELS_DIR names."""
    with exit_codes():
        from models.adding import add_model

        folder = read_settings().models_dir
        if folder is None:
            raise InputError("set CITYEYE_MODELS_DIR to the folder that is to hold your own models")
        added = add_model(card, folder)
        typer.echo(f"{added.label}: added in {added.folder}")


def _refuse_broken(registry: Registry) -> None:
    if registry.broken:
        raise ModelError("; ".join(str(error) for error in registry.broken))


def _table(models: tuple[RegisteredModel, ...]) -> Table:
    from rich.table import Table

    from models.registry import SHIPPED_FOLDER

    table = Table(box=None, pad_edge=False)
    for name in ("name", "version", "task", "variants", "from", "licence"):
        table.add_column(name)
    table.add_column("size", justify="right")
    for model in models:
        card = model.card
        table.add_row(
            card.name,
            card.version,
            card.task,
            ", ".join(variant.precision for variant in card.variants) or "–",
            "CityEye" if model.folder.parent == SHIPPED_FOLDER else str(model.folder.parent),
            card.licence,
            _size(model),
        )
    return table


def _size(model: RegisteredModel) -> str:
    try:
        size = sum(
            (model.folder / model.file(each)).stat().st_size for each in model.card.precisions
        )
    except OSError:
        return "missing"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _card_lines(model: RegisteredModel) -> list[str]:
    card = model.card
    lines = [
        f"{model.label} – {card.task}",
        f"  lies in       {model.folder}",
        f"  file          {card.file}  (SHA-256 {card.sha256})",
        *(
            f"  {variant.precision:<13} {variant.file}  (SHA-256 {variant.sha256}) {variant.note}"
            for variant in card.variants
        ),
        f"  input         {_input(card)}",
        f"  classes       {_classes(card)}",
        f"  licence       {card.licence}",
        f"  trained from  {card.trained_from}",
    ]
    lines += _section("Trained on", [f"{data.what} ({data.licence})" for data in card.trained_on])
    lines += _section("Recipe", _tree(card.recipe))
    for metric in card.metrics:
        lines += ["", f"Measured: {metric.what}"]
        lines += [f"  {line}" for line in _tree(metric.measured)]
        lines += [f"  by: {metric.command}", f"  on: {metric.machine}"]
    lines += _section("Known limits", card.limits)
    lines += _section("Never tested", card.never_tested)
    return lines


def _input(card: ModelCard) -> str:
    if card.input is None:
        return "prepared by the code that uses the model"
    if card.input.size_wh is None:
        return "any size"
    return " × ".join(str(side) for side in card.input.size_wh) + " px"


def _classes(card: ModelCard) -> str:
    return ", ".join(
        f"{name} (from {card.thresholds[name]:g})" if name in card.thresholds else name
        for name in card.classes
    )


def _section(title: str, entries: list[str]) -> list[str]:
    return ["", title, *(f"  {entry}" for entry in entries)] if entries else []


def _tree(values: dict[str, object]) -> list[str]:
    """Nested values as indented lines ``name: value``."""
    lines: list[str] = []
    for name, value in values.items():
        if isinstance(value, dict):
            lines += [f"{name}:", *(f"  {line}" for line in _tree(value))]
        else:
            text = ", ".join(str(each) for each in value) if isinstance(value, list) else str(value)
            lines.append(f"{name}: {text}")
    return lines
