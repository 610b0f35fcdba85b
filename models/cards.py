"""Model cards: what a model is, what it was trained on, how good it is and what nobody tried.

A card is a YAML file named ``card.yaml`` that lies beside the files it speaks of.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)

from models.errors import BadCard

CARD_FILE = "card.yaml"
_OTHER_LINE_BREAKS = "\r\x85\u2028\u2029"
# A card is a page or two; whatever is larger is no card and is not handed to the YAML parser.
_MAX_CARD_BYTES = 1_000_000
_LINE_WIDTH = 100

Task = Literal["detect", "classify", "change", "landcover"]
Precision = Literal["fp32", "fp16", "int8"]
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A plain name: a card's files lie beside the card and nowhere else."""
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


def _plain(values: dict[str, Any]) -> dict[str, Any]:
    """Refuse what YAML and JSON cannot hold (NumPy scalars, NaN); tuples become lists."""
    try:
        plain: dict[str, Any] = json.loads(json.dumps(values, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"only plain finite values may stand here: {error}") from error
    return plain


Plain = Annotated[dict[str, Any], AfterValidator(_plain)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Metric(_Part):
    """One measurement, with the command that gives it again."""

    key: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]*$")] = Field(
        description="names the measurement; unique on a card"
    )
    what: Text = Field(description="what was measured, on which data, under which rule")
    measured: Plain = Field(description="the numbers, by name; names carry their unit")
    command: Text = Field(description="the command that gives these numbers")
    machine: Text = Field(description="the machine they were seen on")


class Variant(_Part):
    """The same model in another file, for example quantised."""

    file: FileName
    sha256: Sha256
    precision: Precision
    note: str = Field(default="", description="what it gains and what accuracy it loses")


class InputSpec(_Part):
    """How a picture becomes the model's input: ``(pixel * scale - mean) / std`` per channel."""

    size_wh: tuple[Annotated[int, Field(gt=0)], Annotated[int, Field(gt=0)]] | None = Field(
        default=None, description="width and height in pixels; none where any size will do"
    )
    layout: Literal["NCHW"] = "NCHW"
    colour: Literal["RGB"] = "RGB"
    scale: Annotated[float, Field(gt=0)] = 1 / 255
    mean: tuple[float, float, float] = (0.0, 0.0, 0.0)
    std: tuple[float, float, float] = (1.0, 1.0, 1.0)
    letterbox: bool = Field(
        default=False, description="whether the picture keeps its shape and is padded with grey"
    )


class TrainingData(_Part):
    """One source of training data and the licence it came under."""

    what: Text
    licence: Text


class ModelCard(_Part):
    """Everything CityEye and its operators need to know about one model.

    Attributes:
        name: Short name that code asks for: ``street``, ``load``, ``change``, ``soil``.
        version: Dot- or dash-separated; numbers in it compare as numbers.
        task: What the model does; says which inputs and outputs its file must have.
        file: The model file, beside the card.
        sha256: Hash of that file.
        variants: Other files of the same model.
        input: How a picture is prepared; none where the task's own code does it.
        classes: Names of the outputs, in the order of the outputs.
        thresholds: Default score threshold by class, 0 to 1; for ``detect`` every class has one.
        licence: Licence of the weights.
        trained_from: The weights training started from, with their licence.
        trained_on: Training data, each with its licence.
        recipe: How it was trained: commands, configuration, seed, machine.
        metrics: Measurements; their keys are unique.
        limits: What is known to go wrong.
        never_tested: What nobody has tried.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]*$")]
    version: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    task: Task
    file: FileName
    sha256: Sha256
    variants: list[Variant] = Field(default_factory=list)
    input: InputSpec | None = None
    classes: list[Text] = Field(min_length=1)
    thresholds: dict[str, Annotated[float, Field(ge=0, le=1)]] = Field(default_factory=dict)
    licence: Text
    trained_from: Text
    trained_on: list[TrainingData] = Field(default_factory=list)
    recipe: Plain = Field(default_factory=dict)
    metrics: list[Metric] = Field(default_factory=list)
    limits: list[Text] = Field(default_factory=list)
    never_tested: list[Text] = Field(default_factory=list)

    @property
    def precisions(self) -> tuple[Precision | None, ...]:
        """The files of the model as `RegisteredModel` asks for them: the main one, each variant."""
        return (None, *(variant.precision for variant in self.variants))

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> Self:
        lists: tuple[tuple[str, Sequence[str]], ...] = (
            ("classes", self.classes),
            ("metrics", [metric.key for metric in self.metrics]),
            ("precisions of variants", [variant.precision for variant in self.variants]),
            ("file and variants", [self.file, *(variant.file for variant in self.variants)]),
        )
        for what, names in lists:
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{what}: named twice: {', '.join(twice)}")
        unknown = sorted(set(self.thresholds) - set(self.classes))
        if unknown:
            raise ValueError(f"thresholds: no such class: {', '.join(unknown)}")
        without = [name for name in self.classes if name not in self.thresholds]
        if self.task == "detect" and without:
            raise ValueError(f"thresholds: missing for: {', '.join(without)}")
        if self.task in ("detect", "classify") and (
            self.input is None or self.input.size_wh is None
        ):
            raise ValueError(f"input: a model for {self.task} must say its size_wh")
        return self


def read_card(path: Path) -> ModelCard:
    """Read a card.

    Args:
        path: The YAML file.

    Raises:
        BadCard: The file is missing, is not YAML, or says something no card may say; the message
            names the file and every wrong field.
    """
    try:
        size = path.stat().st_size
        if size > _MAX_CARD_BYTES:
            raise BadCard(f"{path}: {size} bytes is too large for a model card")
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadCard(f"{path}: cannot read the model card: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise BadCard(f"{path}: the model card is not YAML: {error}") from error
    if not isinstance(content, dict):
        raise BadCard(f"{path}: the model card must be a mapping of fields")
    try:
        return ModelCard.model_validate(content)
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in item['loc']) or 'card'}: {item['msg']}"
            for item in error.errors()
        )
        raise BadCard(f"{path}: {wrong}; correct the model card") from error


class _CardDumper(yaml.SafeDumper):
    """Plain YAML; text that holds another line break than a newline is escaped.

    PyYAML writes such characters as they are, and reads them back as spaces.
    """


def _text_node(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    broken = any(sign in text for sign in _OTHER_LINE_BREAKS)
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if broken else None)


_CardDumper.add_representer(str, _text_node)


def write_card(card: ModelCard, path: Path) -> None:
    """Write a card; what was there before stays whole until the new one is.

    Args:
        card: The card.
        path: The YAML file to write; its folder must exist.
    """
    text = yaml.dump(
        card.model_dump(mode="json"),
        Dumper=_CardDumper,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=False,
        width=_LINE_WIDTH,
    )
    handle, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        # mkstemp makes files that only their owner may read.
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def record_metric(card_path: Path, metric: Metric) -> None:
    """Put a measurement on a card; one of the same key is replaced where it stands.

    Args:
        card_path: The card's YAML file.
        metric: The measurement.

    Raises:
        BadCard: The card cannot be read.
    """
    card = read_card(card_path)
    metrics = [metric if old.key == metric.key else old for old in card.metrics]
    if metric not in metrics:
        metrics.append(metric)
    write_card(card.model_copy(update={"metrics": metrics}), card_path)
