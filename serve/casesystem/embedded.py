"""The case system that ``cityeye serve --dev`` brings along, and the target that leads to it."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import yaml
from pydantic import SecretStr

from serve.casesystem.server import CaseSystem
from serve.settings import Settings

TARGET = "embedded"


def start_embedded(settings: Settings) -> tuple[Settings, CaseSystem]:
    """Start the case system in this process.

    Returns:
        Settings with a targets file that leads to it, and the case system.
    """
    folder = settings.data_dir / "case-system"
    folder.mkdir(parents=True, exist_ok=True)
    secret_file = folder / "secret"
    secret = _secret(secret_file)
    system = CaseSystem(folder, secret, step_s=settings.case_system_step_s)
    target = {
        "name": TARGET,
        "adapter": "webhook",
        "url": f"{system.url}/drafts",
        "secret_file": str(secret_file.absolute()),
        "allow_plain_http": True,
        "poll_interval_s": 60,
    }
    targets_file = folder / "targets.yaml"
    _write_whole(targets_file, yaml.safe_dump({"targets": [target]}, sort_keys=False))
    system.start()
    return settings.model_copy(update={"targets_file": targets_file}), system


def _secret(path: Path) -> SecretStr:
    try:
        # Only its owner may read it, from the first moment on.
        handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        text = path.read_text("utf-8").strip()
        if text:
            return SecretStr(text)
        handle = os.open(path, os.O_WRONLY | os.O_TRUNC)
    text = secrets.token_urlsafe(32)
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return SecretStr(text)


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_suffix(".new")
    draft.write_text(text, "utf-8")
    draft.replace(path)
