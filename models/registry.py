"""Find models by name, and open them only if they are what their cards say."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from models.cards import CARD_FILE, ModelCard, Precision, read_card
from models.errors import BadCard, BadModelFile, ModelError, ModelNotFound
from models.runtime import OnnxModel, RuntimeOptions, Shape, Tensor, open_onnx

SHIPPED_FOLDER = Path(__file__).resolve().parent
"""Where the models lie that ship with CityEye."""

_FLOATS = ("float32", "float16")


@dataclass(frozen=True)
class RegisteredModel:
    """A card and the folder it lies in; nothing beside the card has been looked at yet."""

    card: ModelCard
    folder: Path

    @property
    def label(self) -> str:
        """Name and version, for messages."""
        return f"{self.card.name} {self.card.version}"

    def file(self, precision: Precision | None = None) -> str:
        """Name of a file of the model.

        Args:
            precision: Which variant; none for the main file.

        Raises:
            ModelError: The model has no variant of that precision.
        """
        return self._file(precision)[0]

    def sha256(self, precision: Precision | None = None) -> str:
        """Hash of a file of the model, as its card states it.

        Args:
            precision: Which variant; none for the main file.

        Raises:
            ModelError: The model has no variant of that precision.
        """
        return self._file(precision)[1]

    def content(self, precision: Precision | None = None) -> bytes:
        """Read a file of the model, checked against its hash.

        Args:
            precision: Which variant; none for the main file.

        Raises:
            BadModelFile: The file is missing, leads out of the folder, or is not the one on the
                card.
            ModelError: The model has no variant of that precision.
        """
        file, sha256 = self._file(precision)
        path = self.folder / file
        if path.resolve().parent != self.folder.resolve():
            raise BadModelFile(
                f"{path}: leads out of the model's folder; put the file itself beside the card"
            )
        try:
            content = path.read_bytes()
        except OSError as error:
            raise BadModelFile(
                f"{path}: cannot read the model file: {error.strerror}; get the model again"
            ) from error
        found = hashlib.sha256(content).hexdigest()
        if found != sha256:
            raise BadModelFile(
                f"{path}: its SHA-256 is {found[:12]}…, the card says {sha256[:12]}…; the file was "
                "altered or damaged: get the model again"
            )
        return content

    def _file(self, precision: Precision | None) -> tuple[str, str]:
        if precision is None:
            return self.card.file, self.card.sha256
        for variant in self.card.variants:
            if variant.precision == precision:
                return variant.file, variant.sha256
        there = ", ".join(variant.precision for variant in self.card.variants) or "none"
        raise ModelError(
            f"{self.folder / CARD_FILE}: {self.label} has no {precision} variant (it has: {there})"
        )

    def open(
        self, options: RuntimeOptions | None = None, *, precision: Precision | None = None
    ) -> OnnxModel:
        """Open the model, checked: hash, classes and shapes are what the card says.

        Args:
            options: Engine and threads.
            precision: Which variant; none for the main file.

        Raises:
            BadModelFile: The file is not what the card says, or no ONNX model.
            ModelError: No such variant, or the engine is not installed.
        """
        content = self.content(precision)
        path = self.folder / self.file(precision)
        try:
            model = open_onnx(content, options)
            _check(model, self.card)
        except BadModelFile as error:
            raise BadModelFile(f"{path}: {error}") from error
        return model

    def verify(self) -> None:
        """Check every file of the model without keeping any open.

        Raises:
            ModelError: What is wrong first.
        """
        if self.card.task == "landcover":
            self._verify_landcover()
            return
        for precision in self.card.precisions:
            self.open(RuntimeOptions(threads=1), precision=precision)

    def _verify_landcover(self) -> None:
        """Land cover is a small network in JSON; its own code checks the rest when it reads it."""
        path = self.folder / self.card.file
        try:
            version = json.loads(self.content())["version"]
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, ModelError):
                raise
            raise BadModelFile(f"{path}: not the weights of a land cover model") from error
        if version != self.card.version:
            raise BadModelFile(
                f"{path}: holds version {version}, the card says {self.card.version}"
            )


@dataclass(frozen=True)
class Registry:
    """The models in some folders, each in a folder of its own with a ``card.yaml``.

    Attributes:
        folders: Where to look, the strongest first: of two models with the same name and version
            the one in the earlier folder counts.
    """

    folders: tuple[Path, ...] = (SHIPPED_FOLDER,)

    @cached_property
    def _read(self) -> tuple[tuple[RegisteredModel, ...], tuple[BadCard, ...]]:
        models: dict[tuple[str, str], RegisteredModel] = {}
        broken: list[BadCard] = []
        for folder in self.folders:
            for model in _cards_in(folder):
                if isinstance(model, BadCard):
                    broken.append(model)
                    continue
                key = (model.card.name, model.card.version)
                other = models.setdefault(key, model)
                if other is not model and other.folder.parent == folder:
                    broken.append(
                        BadCard(
                            f"{model.folder / CARD_FILE}: {model.label} is also in {other.folder}; "
                            "remove one of them or give it another version"
                        )
                    )
        ordered = sorted(models.values(), key=lambda m: (m.card.name, version_key(m.card.version)))
        return tuple(ordered), tuple(broken)

    @property
    def models(self) -> tuple[RegisteredModel, ...]:
        """Every model with a readable card, by name, then from the oldest to the newest."""
        return self._read[0]

    @property
    def broken(self) -> tuple[BadCard, ...]:
        """What is wrong with the cards that cannot be used."""
        return self._read[1]

    def find(self, name: str, version: str | None = None) -> RegisteredModel:
        """Find a model.

        Args:
            name: Name on the card.
            version: Version on the card; none for the newest.

        Raises:
            BadCard: Some card cannot be used. It might be the very one that should win, so no
                other model is quietly taken in its place.
            ModelNotFound: There is no such model.
        """
        if self.broken:
            raise self.broken[0]
        named = [model for model in self.models if model.card.name == name]
        found = [model for model in named if version in (None, model.card.version)]
        if not found:
            there = [model.card.version for model in named] if named else self._known_names()
            what = f"model {name} in version {version}" if named else f"model named {name}"
            raise ModelNotFound(
                f"no {what} in {', '.join(str(folder) for folder in self.folders)}; "
                f"there is: {', '.join(there) or 'none'}"
            )
        return found[-1]

    def _known_names(self) -> list[str]:
        return sorted({model.card.name for model in self.models})


def version_key(version: str) -> tuple[tuple[int, int, str], ...]:
    """A key that sorts versions: runs of digits as numbers, and before them words.

    >>> sorted(["street-10", "street-9"], key=version_key)
    ['street-9', 'street-10']
    """
    parts = re.findall(r"\d+|[A-Za-z]+", version)
    return tuple((1, int(part), "") if part.isdigit() else (0, 0, part) for part in parts)


def _cards_in(folder: Path) -> Iterable[RegisteredModel | BadCard]:
    if not folder.is_dir():
        yield BadCard(f"{folder}: the folder of models does not exist; make it or name another")
        return
    for path in sorted(folder.glob(f"*/{CARD_FILE}")):
        # Half-copied models lie in hidden folders until they are whole.
        if path.parent.name.startswith("."):
            continue
        try:
            yield RegisteredModel(read_card(path), path.parent)
        except BadCard as error:
            yield error


def _check(model: OnnxModel, card: ModelCard) -> None:
    """Hold inputs, outputs and classes against what the card's task demands."""
    if card.task == "detect":
        _check_detect(model, card)
    elif card.task == "classify":
        size = _size_hw(card)
        _check_tensors(model.inputs, {"crop": (None, 3, *size)}, "input")
        _check_tensors(model.outputs, {"probabilities": (None, len(card.classes))}, "output")
        _check_free(model.inputs[0], (0,))
        _check_classes(model, card)
    elif card.task == "change":
        picture = (None, 3, None, None)
        _check_tensors(model.inputs, {"before": picture, "after": picture}, "input")
        _check_tensors(model.outputs, {"probability": (None, 1, None, None)}, "output")
        for tensor in model.inputs:
            _check_free(tensor, (0, 2, 3))
        _check_gsd(model)
    else:
        raise BadModelFile(f"a model for {card.task} is no ONNX file and cannot be opened as one")


def _check_detect(model: OnnxModel, card: ModelCard) -> None:
    _check_tensors(model.inputs, {"images": (None, 3, *_size_hw(card))}, "input")
    _check_classes(model, card)
    if len(model.outputs) != 1:
        raise BadModelFile(f"has {len(model.outputs)} outputs; a detector has one")
    shape: Shape = (None, None, 6) if is_end_to_end(model) else (None, 4 + len(card.classes), None)
    _check_tensors(model.outputs, {model.outputs[0].name: shape}, "output")


def is_end_to_end(model: OnnxModel) -> bool:
    """Whether a detector suppresses its own duplicates, by the metadata its exporter wrote."""
    return model.metadata.get("end2end", "").lower() == "true"


def _size_hw(card: ModelCard) -> tuple[int | None, int | None]:
    if card.input is None or card.input.size_wh is None:
        return (None, None)
    return card.input.size_wh[1], card.input.size_wh[0]


def _check_tensors(tensors: tuple[Tensor, ...], wanted: dict[str, Shape], what: str) -> None:
    there = {tensor.name: tensor for tensor in tensors}
    if set(there) != set(wanted):
        raise BadModelFile(f"its {what}s are {_names(there)}; the task needs {_names(wanted)}")
    for name, shape in wanted.items():
        tensor = there[name]
        if len(tensor.shape) != len(shape) or not all(
            None in pair or pair[0] == pair[1] for pair in zip(tensor.shape, shape, strict=True)
        ):
            raise BadModelFile(
                f"{what} {name} has the shape {_text(tensor.shape)}; by its card and task it must "
                f"be {_text(shape)}"
            )
        if tensor.dtype not in _FLOATS:
            raise BadModelFile(f"{what} {name} is {tensor.dtype}; it must be float32 or float16")


def _check_free(tensor: Tensor, axes: tuple[int, ...]) -> None:
    fixed = [axis for axis in axes if tensor.shape[axis] is not None]
    if fixed:
        raise BadModelFile(
            f"input {tensor.name} has the shape {_text(tensor.shape)}; export it with dynamic axes "
            + ", ".join(str(axis) for axis in axes)
        )


def _check_classes(model: OnnxModel, card: ModelCard) -> None:
    names = _class_names(model.metadata.get("names", ""))
    if names != card.classes:
        raise BadModelFile(
            f"its metadata names the classes {', '.join(names) or '(none)'}; the card says "
            f"{', '.join(card.classes)}: correct the card or get the model again"
        )


def _class_names(text: str) -> list[str]:
    """Read class names: a JSON list, or the Python dict that ultralytics writes."""
    try:
        names = ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return []
    if isinstance(names, dict) and sorted(names) == list(range(len(names))):
        return [str(names[index]) for index in range(len(names))]
    return [str(name) for name in names] if isinstance(names, list) else []


def _check_gsd(model: OnnxModel) -> None:
    text = model.metadata.get("gsd_m", "")
    try:
        good = 0 < float(text) < float("inf")
    except ValueError:
        good = False
    if not good:
        raise BadModelFile(f"its metadata gsd_m is '{text}'; it must be metres a pixel, over 0")


def _names(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _text(shape: Shape) -> str:
    return "[" + ", ".join("any" if size is None else str(size) for size in shape) + "]"
