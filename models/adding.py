"""Take a model into a folder of models: checked first, and whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from models.cards import CARD_FILE, ModelCard, read_card
from models.errors import ModelError
from models.registry import RegisteredModel, Registry


def add_model(card_path: Path, folder: Path) -> RegisteredModel:
    """Copy a card and its files into a folder of models.

    Args:
        card_path: The card; the files it names lie beside it.
        folder: Folder of models; made where it does not exist.

    Returns:
        The model where it lies now. Adding the same model twice changes nothing.

    Raises:
        ModelError: The card or a file cannot be used, or another model of that name and version is
            there already.
        OSError: The folder cannot be written.
    """
    card = read_card(card_path)
    source = RegisteredModel(card, card_path.parent)
    folder.mkdir(parents=True, exist_ok=True)
    known = _same_name_and_version(card, folder)
    if known is not None:
        # The card names every file's hash: an equal card over sound files is an equal model.
        if known.card != card:
            raise ModelError(
                f"{known.folder}: holds another {known.label}; give the new model a version of its "
                "own"
            )
        known.verify()
        return known
    source.verify()
    target = folder / f"{card.name}-{card.version}"
    if target.exists():
        raise ModelError(f"{target}: is in the way; remove it or give the model another version")
    with tempfile.TemporaryDirectory(prefix=".adding-", dir=folder) as name:
        # One level down, so that what moves out is not the folder that is to be cleaned up.
        whole = Path(name) / "model"
        whole.mkdir()
        shutil.copyfile(card_path, whole / CARD_FILE)
        for precision in card.precisions:
            (whole / source.file(precision)).write_bytes(source.content(precision))
        whole.rename(target)
    return RegisteredModel(card, target)


def _same_name_and_version(card: ModelCard, folder: Path) -> RegisteredModel | None:
    for model in Registry((folder,)).models:
        if (model.card.name, model.card.version) == (card.name, card.version):
            return model
    return None
