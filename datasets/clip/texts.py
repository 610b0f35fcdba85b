"""The texts that lie beside a clip: truth, what is to be found, and the camera's file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from datasets.clip.truth import camera_settings, events, truth
from datasets.scenes.clip_scene import Clip

VIDEO = "street.mp4"
TRUTH, EVENTS, CAMERA = "truth.json", "events.json", "camera.yaml"


def write_texts(folder: Path, clip: Clip) -> list[Path]:
    """Write a clip's truth, events and camera file; return their paths."""
    texts = {
        # One object a line: readable, and small enough to be kept with the code.
        TRUTH: _by_lines(truth(clip), "objects"),
        EVENTS: _by_lines(events(clip), "events", "harmless"),
        CAMERA: yaml.safe_dump(
            camera_settings(clip), sort_keys=False, allow_unicode=True, default_flow_style=None
        ),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return [folder / name for name in texts]


def _by_lines(content: dict[str, Any], *lists: str) -> str:
    """Return JSON with one line for each entry of the lists, which come last."""
    head = json.dumps({key: value for key, value in content.items() if key not in lists})
    text = head[:-1]
    for name in lists:
        lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in content[name])
        text += f"{', ' if len(text) > 1 else ''}{json.dumps(name)}: [\n{lines}\n]"
    return f"{text}}}\n"
