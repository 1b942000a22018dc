"""The kernel tests again, with the core built by the address and undefined-behaviour sanitizers."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codebase.project import PYTHON, ROOT

# Not under the sanitizer: what forks or starts interpreters of its own, and long sweeps that test numbers, not memory.
LEFT_OUT = ("test_thread_pool.py", "test_cpu.py", "test_guarded.py", "test_math.py", "test_peak.py")


def tool(name: str) -> str:
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if not found:
        pytest.skip(f"{name} is not installed")
    return found


def sanitizer_library(compiler: str, name: str) -> str:
    """Where the compiler keeps a sanitizer's run time, which Python must load before all else."""
    command = [compiler, f"-print-file-name={name}"]
    path = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    if not Path(path).is_absolute():
        pytest.skip(f"the compiler has no {name}")
    return path


def build(folder: Path, compiler: str) -> Path:
    """The extension module, built with the sanitizers in `folder`."""
    if importlib.util.find_spec("pybind11") is None:
        pytest.skip("pybind11 is not installed")
    ninja = tool("ninja")
    configure = [tool("cmake"), "-G", "Ninja", "-S", str(ROOT), "-B", str(folder), "-DFASTINFER_SANITIZE=ON"]
    configure += [f"-DCMAKE_MAKE_PROGRAM={ninja}", f"-DCMAKE_CXX_COMPILER={compiler}"]
    configure += [f"-DPython_EXECUTABLE={sys.executable}"]
    for command in (configure, [ninja, "-C", str(folder), "_core"]):
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, (result.stdout + result.stderr)[-4000:]
    return next(folder.rglob("_core*.so"))


def package_with(core: Path, folder: Path) -> Path:
    """A folder whose `fastinfer` is this project's Python files around another extension module."""
    package = folder / "fastinfer"
    package.mkdir(parents=True)
    for entry in PYTHON.iterdir():
        if not entry.name.startswith("_core"):
            (package / entry.name).symlink_to(entry)
    (package / core.name).symlink_to(core)
    return folder


@pytest.mark.slow
def test_kernels_under_the_sanitizers(tmp_path: Path) -> None:
    compiler = tool("g++")
    libraries = [sanitizer_library(compiler, name) for name in ("libasan.so", "libubsan.so")]
    site = package_with(build(tmp_path / "build", compiler), tmp_path / "site")
    environment = os.environ | {
        "PYTHONPATH": str(site),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",  # the interpreter itself leaks
        "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "tests/kernels"]
    command += [f"--ignore=tests/kernels/{name}" for name in LEFT_OUT]
    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert result.returncode == 0, (result.stdout + result.stderr)[-6000:]
    assert " passed" in result.stdout
