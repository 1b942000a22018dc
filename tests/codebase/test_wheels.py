"""What third_party/build_wheel.py asserts of a wheel, and that the other builder uses the same compiler."""

from __future__ import annotations

import platform
import zipfile
from pathlib import Path

import pytest

import build_wheel
from codebase.project import ROOT
from elf import MACHINES, SharedObject, read_shared_object
from emulated.processors import NOWHERE, PROCESSORS
from fastinfer import _core

TARGET = build_wheel.Target("aarch64", "3.11")
GOOD = SharedObject("aarch64", frozenset({"libc.so.6", "ld-linux-aarch64.so.1"}), frozenset({"GLIBC_2.17"}))


@pytest.mark.skipif(platform.machine() not in MACHINES.values(), reason="not one of the architectures")
def test_reads_this_module() -> None:
    found = read_shared_object(Path(_core.__file__))
    assert found.machine == platform.machine()
    assert "libc.so.6" in found.libraries
    assert any(version.startswith("GLIBC_2.") for version in found.versions)


def test_refuses_other_files(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF\x01\x01", b"PK\x03\x04 and more"):
        file = tmp_path / "x.so"
        file.write_bytes(content)
        with pytest.raises(ValueError, match=r"x\.so"):
            read_shared_object(file)


def test_symbols_of_a_newer_system_are_found() -> None:
    assert build_wheel.too_new(frozenset({"GLIBC_2.2.5", "GLIBC_2.9", "GLIBC_2.17"})) == []
    newer = {"GLIBC_2.18", "GLIBC_2.100", "GLIBCXX_3.4"}
    assert set(build_wheel.too_new(frozenset(newer | {"GLIBC_2.4"}))) == newer


def test_faults_of_a_library() -> None:
    assert build_wheel.faults_of_library(GOOD, TARGET) == []
    foreign = SharedObject("x86_64", GOOD.libraries | {"libstdc++.so.6"}, frozenset({"GLIBC_2.34"}))
    faults = " ".join(build_wheel.faults_of_library(foreign, TARGET))
    assert all(word in faults for word in ("x86_64", "libstdc++.so.6", "GLIBC_2.34"))


def test_faults_of_a_wheel(tmp_path: Path) -> None:
    wheel = tmp_path / "fastinfer-0.1.0-cp311-cp311-linux_aarch64.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.write(_core.__file__, "fastinfer/_core.so")
        archive.writestr("fastinfer/data", bytes(build_wheel.MAX_BYTES))
        archive.write(_core.__file__, "fastinfer/_core" + TARGET.suffix)
    faults = " ".join(build_wheel.faults_of(wheel, build_wheel.Target("aarch64", "3.12")))
    assert all(word in faults for word in ("tagged cp311-cp311-linux_aarch64", "bytes", "shared objects"))


def test_docker_builds_with_the_same_compiler() -> None:
    (ziglang,) = (tool for tool in build_wheel.TOOLS if tool.startswith("ziglang=="))
    assert f"pip install {ziglang} " in (ROOT / "pyproject.toml").read_text()


def test_every_folder_of_tests_runs_on_an_emulated_arm64() -> None:
    folders = {file.parent.name for file in (ROOT / "tests").glob("*/test_*.py")}
    emulated = {folder for processor in PROCESSORS if processor.arch == "aarch64" for folder in processor.folders}
    assert emulated == folders - set(NOWHERE)
