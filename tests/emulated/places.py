"""What an emulated processor needs on disk: a Python of its architecture, packages, and a command that starts it.

All of it is kept in FASTINFER_CACHE (default ~/.cache/fastinfer).
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import shutil
import site
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from processors import Processor

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "third_party"))
from build_wheel import BuildError, find_python

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("FASTINFER_CACHE") or Path.home() / ".cache" / "fastinfer").resolve()
HOST = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
DEBIAN = {"aarch64": "arm64", "x86_64": "amd64"}  # its names of the architectures
SUITES = {"3.11": "bookworm", "3.13": "trixie"}  # the Debian release that has this Python
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")  # by which mmdebstrap knows Debian's packages
REQUIREMENTS = ("numpy", "typer", "rich", "pytest>=8", "hypothesis>=6.100", "onnx>=1.16", "pillow>=10")
# What the Debian root's glibc accepts beside manylinux2014, for other projects' wheels.
NEWER_PLATFORMS = ("manylinux_2_27", "manylinux_2_28")


class SetupError(Exception):
    """Says what is missing, and how to get it."""


@dataclass(frozen=True)
class Place:
    """Where a Python of one architecture lives."""

    home: Path  # PYTHONHOME
    executable: Path
    library_root: Path | None  # of foreign shared libraries; None: the host's
    packages: tuple[str, ...]  # PYTHONPATH


def run(*command: str | Path) -> str:
    words = [str(word) for word in command]
    result = subprocess.run(words, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise SetupError(f"{' '.join(words)}\nfailed:\n{result.stdout[-3000:]}{result.stderr[-3000:]}")
    return result.stdout


def emulator(arch: str) -> str:
    found = shutil.which(f"qemu-{arch}-static") or shutil.which(f"qemu-{arch}")
    if not found:
        raise SetupError(f"there is no qemu-{arch}: apt install qemu-user-static")
    return found


def check_tools(processors: list[Processor]) -> None:
    """Raises SetupError that names every missing package at once."""
    missing = []
    for arch in sorted({p.arch for p in processors}):
        if not (shutil.which(f"qemu-{arch}-static") or shutil.which(f"qemu-{arch}")):
            missing.append("qemu-user-static")
        if arch != HOST and not shutil.which("mmdebstrap"):
            missing.append("mmdebstrap")
        if arch != HOST and not KEYRING.exists():
            missing.append("debian-archive-keyring")
    if missing:
        raise SetupError(f"missing: apt install {' '.join(dict.fromkeys(missing))}")


def python_version() -> str:
    """The minor version to test: the running Python's if a Debian release has it, else one that is installed."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    if running in SUITES:
        return running
    for version in SUITES:
        with contextlib.suppress(BuildError):
            find_python(version)
            return version
    raise SetupError(
        f"the emulated ARM64 has a Debian's Python, {' or '.join(SUITES)}, and this is {running}: one of them must be "
        f"installed here too, with its headers, as {' or '.join(f'python{version}' for version in SUITES)} on PATH"
    )


def host_python(version: str) -> Path:
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    return Path(sys.executable) if version == running else find_python(version)


def cached(kind: str, key: tuple[str, ...], make: Callable[[Path], None]) -> Path:
    """The folder that `make` fills, made once for a key; of each kind only the newest is kept."""
    folder = CACHE / "emulated" / f"{kind}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}"
    done = folder.with_name(folder.name + ".complete")
    if not done.exists():
        for old in folder.parent.glob(f"{kind}-*"):
            if old.is_dir():
                shutil.rmtree(old)
            else:
                old.unlink()
        folder.parent.mkdir(parents=True, exist_ok=True)
        make(folder)
        done.touch()
    return folder


def debian_root(arch: str, version: str) -> Path:
    """Debian's Python for a foreign architecture, unpacked: no emulation and no binfmt takes part."""

    def make(folder: Path) -> None:
        include = f"--include=python{version},libstdc++6"
        mode = "root" if os.geteuid() == 0 else "unshare"
        words = (f"--mode={mode}", f"--arch={DEBIAN[arch]}", "--variant=extract", include, SUITES[version])
        run("mmdebstrap", *words, folder)
        compile_modules(version, folder / "usr" / "lib" / f"python{version}")

    return cached(f"root-{arch}-{version}", (SUITES[version],), make)


def compile_modules(version: str, folder: Path) -> None:
    """By the host's Python of the same minor version: under emulation it would take a minute at each start."""
    command = [str(host_python(version)), "-m", "compileall", "-q", "-j0", str(folder)]
    subprocess.run(command, capture_output=True, check=False)  # lib2to3 and others keep samples of invalid code


def install(version: str, platforms: list[str], folder: Path, *packages: str) -> None:
    """pip accepts a wheel only if its tag fits one of the platforms."""
    accepted = [word for platform in platforms for word in ("--platform", platform)]
    choice = ["--python-version", version, "--only-binary=:all:", "--target", str(folder)]
    run(sys.executable, "-m", "pip", "install", "--quiet", *accepted, *choice, *packages)
    compile_modules(version, folder)


def test_packages(arch: str, version: str) -> Path:
    platforms = [f"{name}_{arch}" for name in ("manylinux2014", *NEWER_PLATFORMS)]
    kind = f"packages-{arch}-{version}"
    return cached(kind, REQUIREMENTS, lambda folder: install(version, platforms, folder, *REQUIREMENTS))


def installed_wheel(wheel: Path, arch: str, version: str) -> Path:
    """The wheel as pip installs it for the oldest platform that it promises."""
    key = (hashlib.sha256(wheel.read_bytes()).hexdigest(),)
    words = (version, [f"manylinux2014_{arch}"])
    return cached(f"wheel-{arch}-{version}", key, lambda folder: install(*words, folder, "--no-deps", str(wheel)))


def build_wheel(arch: str, version: str) -> Path:
    builder = ROOT / "third_party" / "build_wheel.py"
    out = CACHE / "wheelhouse"
    print(f"building the wheel for {arch} ...", flush=True)
    for old in out.glob(f"*cp{version.replace('.', '')}-*{arch}.whl"):
        old.unlink()
    run(sys.executable, builder, "--arch", arch, "--python", version, "--out", out)
    (wheel,) = out.glob(f"*cp{version.replace('.', '')}-*{arch}.whl")
    return wheel


def place_of_wheel(arch: str, wheel: Path | None) -> Place:
    version = python_version()
    wheel = wheel or build_wheel(arch, version)
    packages = tuple(str(p) for p in (installed_wheel(wheel, arch, version), test_packages(arch, version)))
    if arch != HOST:
        root = debian_root(arch, version)
        return Place(root / "usr", root / "usr" / "bin" / f"python{version}", root, packages)
    ask = "import os, sys; print(os.path.realpath(sys.executable)); print(sys.base_prefix)"
    executable, prefix = run(host_python(version), "-c", ask).splitlines()
    return Place(Path(prefix), Path(executable), None, packages)


def place_of_running_python() -> Place:
    """The fastinfer that is installed here, with the packages that are."""
    path = tuple(filter(None, [*os.environ.get("PYTHONPATH", "").split(os.pathsep), *site.getsitepackages()]))
    return Place(Path(sys.base_prefix), Path(os.path.realpath(sys.executable)), None, path)


def write_command(processor: Processor, place: Place) -> Path:
    """A script that is this Python on this processor, for its child processes too (it is their sys.executable)."""
    library_root = f"-L '{place.library_root}' " if place.library_root else ""
    # Without OPENBLAS_CORETYPE numpy's OpenBLAS takes SVE kernels where it sees SVE: very slow under emulation.
    # One that is set for the machine itself may name instructions that the emulated processor lacks.
    core_type = "export OPENBLAS_CORETYPE=NEOVERSEN1\n" if processor.arch == "aarch64" else "unset OPENBLAS_CORETYPE\n"
    text = (
        f"#!/bin/sh\nexport PYTHONHOME='{place.home}' QEMU_CPU='{processor.qemu}'\n{core_type}"
        f"exec '{emulator(processor.arch)}' {library_root}-0 \"$0\" '{place.executable}' \"$@\"\n"
    )
    file = CACHE / "emulated" / "bin" / processor.name / "python"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    file.chmod(0o755)
    return file
