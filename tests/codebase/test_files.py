"""Files are short, formatted and typed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codebase.project import ROOT, cpp_files, source_files

MAX_LINES = 400


def test_no_file_is_long() -> None:
    long = {str(f.relative_to(ROOT)): n for f in source_files() if (n := len(f.read_text().splitlines())) > MAX_LINES}
    assert not long


def test_top_level_holds_what_the_design_names() -> None:
    named = {"CMakeLists.txt", "pyproject.toml", "cpp", "python", "bench", "tests", "third_party"}
    named |= {"README.md", "LICENSE", "CHANGELOG.md", ".gitignore", ".clang-format", ".ci"}
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    assert {Path(line).parts[0] for line in listed.stdout.splitlines()} <= named


def run(*command: str) -> None:
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def module(name: str) -> list[str]:
    pytest.importorskip(name)
    return [sys.executable, "-m", name]


def test_ruff() -> None:
    run(*module("ruff"), "check", "--no-cache", "python", "tests", "bench", "third_party")


def test_mypy(tmp_path: Path) -> None:
    run(*module("mypy"), "--cache-dir", str(tmp_path))


def test_clang_format() -> None:
    tool = shutil.which("clang-format", path=str(Path(sys.executable).parent)) or shutil.which("clang-format")
    if not tool:
        pytest.skip("clang-format is not installed")
    command = [tool, "--dry-run", *map(str, cpp_files())]
    warnings = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stderr
    assert not {line.split(":")[0] for line in warnings.splitlines() if "clang-format-violations" in line}
