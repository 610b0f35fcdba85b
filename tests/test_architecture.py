"""The house: imports point down, libraries do not print, public code says what it is."""

from __future__ import annotations

import ast
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = ("vision", "serve", "scripts", "datasets", "models")
MAY_IMPORT = {
    "vision": {"vision", "models"},
    "datasets": {"datasets", "vision"},
    "models": {"models", "datasets"},
    "serve": {"serve", "vision", "datasets", "models"},
    "scripts": {"scripts", "serve", "vision", "datasets", "models"},
}
LIBRARIES = ("vision", "datasets", "models", "serve")
# Networks are trained with what the `train` extra installs; nothing else may need it.
TRAINING_ONLY = {"torch", "torchvision", "ultralytics", "onnx", "bpy"}


def files_of(floor: str) -> list[Path]:
    return sorted(path for path in (ROOT / floor).rglob("*.py") if "node_modules" not in path.parts)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it points"
            names.add(node.module or "")
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Attribute | ast.Name)
            and "import_module" in (getattr(node.func, "attr", ""), getattr(node.func, "id", ""))
            and node.args
            and isinstance(node.args[0], ast.Constant)
        ):
            names.add(str(node.args[0].value))
    return names


def named(paths):
    return [pytest.param(path, id=str(path.relative_to(ROOT))) for path in paths]


def everything(floors=FLOORS):
    return named(path for floor in floors for path in files_of(floor))


def test_the_floors_are_there():
    assert files_of("vision")
    assert files_of("serve")
    assert files_of("datasets")
    assert {path.name for path in ROOT.iterdir() if path.is_dir()} >= set(FLOORS) | {"tests"}


@pytest.mark.parametrize("path", everything())
def test_imports_point_down(path):
    floor = path.relative_to(ROOT).parts[0]
    own = {name.split(".")[0] for name in imported(path)} & (set(FLOORS) | {"tests"})
    assert own <= MAY_IMPORT[floor]


@pytest.mark.parametrize("path", everything(("vision", "serve")))
def test_what_runs_needs_no_training_library(path):
    assert not {name.split(".")[0] for name in imported(path)} & TRAINING_ONLY


@pytest.mark.parametrize("path", everything(("vision",)))
def test_vision_knows_no_web_no_database_no_settings(path):
    foreign = {"fastapi", "starlette", "sqlalchemy", "dbos", "pydantic_settings", "typer", "rich"}
    assert not {name.split(".")[0] for name in imported(path)} & foreign
    environment = [
        node
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Attribute) and node.attr in ("environ", "getenv")
    ]
    # What a process hands down to the ones it begins is no setting.
    assert not environment or path == ROOT / "vision/camera/sources/readers.py"


@pytest.mark.parametrize("path", everything(LIBRARIES))
def test_libraries_do_not_print(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("print", "breakpoint", "input"), f"line {node.lineno}"


@pytest.mark.parametrize("path", everything())
def test_modules_and_what_is_public_say_what_they_are(path):
    module = tree(path)
    assert ast.get_docstring(module)
    if path.relative_to(ROOT).parts[0] == "scripts":
        return
    for node in module.body:
        kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
        if isinstance(node, kinds) and not node.name.startswith("_"):
            assert ast.get_docstring(node), f"line {node.lineno}: {node.name}"


def test_no_module_imports_itself_in_a_circle():
    """Within a floor too: a circle of modules cannot be understood one at a time."""
    known = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): path
        for floor in LIBRARIES
        for path in files_of(floor)
        if path.name != "__init__.py"
    }
    needs = {name: {n for n in imported(path) if n in known} for name, path in known.items()}
    done: set[str] = set()

    def visit(name: str, way: tuple[str, ...]) -> None:
        assert name not in way, " → ".join((*way[way.index(name) :], name))
        if name not in done:
            for other in needs[name]:
                visit(other, (*way, name))
            done.add(name)

    for name in needs:
        visit(name, ())


@pytest.mark.parametrize("path", everything())
def test_no_path_of_one_machine(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            assert not node.value.startswith(("/home/", "/root/", "/Users/", "C:\\"))


def test_only_declared_packages_are_imported():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {
        name.split("[")[0].split(">")[0].split("=")[0].split(";")[0].strip().lower()
        for name in project["dependencies"]
    }
    package_of = {
        "cv2": "opencv-python-headless", "pydantic_settings": "pydantic-settings", "yaml": "pyyaml",
        "argon2": "argon2-cffi", "paho": "paho-mqtt", "prometheus_client": "prometheus-client",
        # Types of what the other brings along.
        "affine": "rasterio", "starlette": "fastapi",
        "markupsafe": "jinja2",
    }  # fmt: skip
    needed = {
        name.split(".")[0]
        for floor in ("vision", "serve")
        for path in files_of(floor)
        for name in imported(path)
    }
    needed -= set(sys.stdlib_module_names) | set(FLOORS)
    assert {package_of.get(name, name) for name in needed} <= declared
