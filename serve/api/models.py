"""The models that detection runs on: which there are, and their cards."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from models.cards import ModelCard
from models.registry import SHIPPED_FOLDER, RegisteredModel, Registry
from serve.api.caller import Here
from serve.errors import NotFound
from serve.service import Service

router = APIRouter(tags=["models"])

Name = Annotated[str, Path(max_length=64, pattern=r"^[a-z][a-z0-9_\-]*$")]
Version = Annotated[str | None, Query(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._\-]*$")]


class ModelPublic(BaseModel):
    """A model, with its card."""

    name: str
    version: str
    newest: bool = Field(description="whether it is the one that is used where none is named")
    shipped: bool = Field(description="whether it came with CityEye, or is the city's own")
    card: ModelCard = Field(description="what it is, how good, what nobody has tried")


class ModelList(BaseModel):
    """All models."""

    items: list[ModelPublic]
    broken: list[str] = Field(description="cards that cannot be read, and why")


@router.get("/models")
def list_models(here: Here) -> ModelList:
    """List the models with their cards."""
    registry = _registry(here)
    return ModelList(
        items=[_public(registry, model) for model in registry.models],
        broken=[_without_folders(str(error), registry) for error in registry.broken],
    )


@router.get("/models/{name}")
def get_model(name: Name, here: Here, version: Version = None) -> ModelPublic:
    """Return a model, the newest where no version is named."""
    registry = _registry(here)
    for model in reversed(registry.models):
        if model.card.name == name and version in (None, model.card.version):
            return _public(registry, model)
    raise NotFound(f"there is no model {name}{f' in version {version}' if version else ''}")


def _registry(here: Service) -> Registry:
    own = here.settings.models_dir
    return Registry((SHIPPED_FOLDER,) if own is None else (own, SHIPPED_FOLDER))


def _public(registry: Registry, model: RegisteredModel) -> ModelPublic:
    card = model.card
    newest = [each for each in registry.models if each.card.name == card.name][-1]
    return ModelPublic(
        name=card.name,
        version=card.version,
        newest=newest is model,
        shipped=model.folder.parent == SHIPPED_FOLDER,
        card=card,
    )


def _without_folders(text: str, registry: Registry) -> str:
    # Where things lie on the server is nobody's business.
    for folder in registry.folders:
        text = text.replace(f"{folder}/", "")
    return " ".join(text.split())
