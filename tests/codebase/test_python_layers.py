"""file, passes and plan import graph and never one another; session joins them; the rest stands on top."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from codebase.project import PYTHON, python_files

GROUND = {"errors", "graph"}
BELOW = {
    "errors": set(),
    "graph": {"errors"},
    "reference": GROUND,
    "file": {*GROUND, "_core"},
    "passes": {*GROUND, "reference"},
    "plan": GROUND,
    "session": {*GROUND, "reference", "file", "passes", "plan", "_core"},
}


def allowed(part: str) -> set[str]:
    """Parts of the package that a part may import. Those not named in BELOW stand above session."""
    if part in BELOW:
        return BELOW[part] | {part}
    above = {p.name.removesuffix(".py") for p in PYTHON.iterdir()} - {"_core"}
    return above if part == "cli" else above - {"cli"}


def imported_parts(file: Path) -> Iterator[str]:
    """First names below fastinfer that a file imports."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name}: imports are absolute"
            module = node.module or ""
            if module == "fastinfer":
                yield from (alias.name for alias in node.names)
            elif module.startswith("fastinfer."):
                yield module.split(".")[1]
        elif isinstance(node, ast.Import):
            yield from (alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fastinfer."))


def part_of(file: Path) -> str:
    return file.relative_to(PYTHON).parts[0].removesuffix(".py").removesuffix(".pyi")


@pytest.mark.parametrize("file", python_files(), ids=lambda f: str(f.relative_to(PYTHON)))
def test_imports_go_down(file: Path) -> None:
    part = part_of(file)
    if part in {"_core", "__init__"}:
        return
    known = {p.name.removesuffix(".py").removesuffix(".pyi") for p in PYTHON.iterdir()}
    wrong = {name for name in imported_parts(file) if name in known} - allowed(part)
    assert not wrong, f"{file.relative_to(PYTHON)} must not import {sorted(wrong)}"


def test_the_rules_refuse() -> None:
    assert "plan" not in allowed("passes")
    assert "_core" not in allowed("passes")
    assert "session" not in allowed("file")
    assert "cli" not in allowed("compress")
    assert "_core" not in allowed("cli")
    assert "reference" in allowed("passes")


def test_imports_are_found(tmp_path: Path) -> None:
    file = tmp_path / "x.py"
    lines = ["import fastinfer.plan.records", "from fastinfer import session", "from fastinfer.graph.ir import Node"]
    file.write_text("\n".join([*lines, "import os", ""]))
    assert set(imported_parts(file)) == {"plan", "session", "graph"}
