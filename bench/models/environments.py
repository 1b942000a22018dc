"""Virtual environments of the peers that cannot share one: each engine's own, from pinned requirements.

    python bench/models/environments.py [deepsparse mnn litert ncnn] [--python deepsparse=/usr/bin/python3.11]

makes them under FASTINFER_CACHE (default: the user's cache folder) in bench/environments, and imports each engine once
to see that it works. compare.py finds them there; it never installs anything by itself.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).resolve().parent / "requirements"
OWN = ("deepsparse", "mnn", "litert", "ncnn")  # engines that have requirements here
NEWEST_PYTHON = {"deepsparse": (3, 11)}  # that has wheels of the engine
MODULES = {"mnn": "MNN", "litert": "ai_edge_litert.interpreter"}  # where the engine's name is not its module's

# What engines would send home of their use is nobody's business.
QUIET = {"NM_DISABLE_ANALYTICS": "1", "OPENVINO_TELEMETRY": "0"}


class NotInstallable(Exception):
    """Says why."""


def cache_folder() -> Path:
    """FASTINFER_CACHE, else the user's cache folder."""
    chosen = os.environ.get("FASTINFER_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(chosen) if chosen else Path(base) / "fastinfer"


def environment(engine: str) -> Path:
    return cache_folder() / "bench" / "environments" / engine


def module_of(engine: str) -> str:
    return MODULES.get(engine, engine)


def python_of(engine: str) -> Path | None:
    """The interpreter that has the engine: its own environment's, or this one; None: neither."""
    own = environment(engine) / "bin" / "python"
    if own.exists():
        return own
    try:
        here = importlib.util.find_spec(module_of(engine)) is not None
    except ModuleNotFoundError:  # the package around the module
        here = False
    return Path(sys.executable) if here else None


def how_to_install(engine: str) -> str:
    return f"python bench/models/environments.py {engine}" if engine in OWN else "pip install '.[bench]'"


def interpreter_for(engine: str, asked: str | None) -> str:
    """An interpreter that the engine has wheels for. Raises NotInstallable."""
    newest = NEWEST_PYTHON.get(engine)
    if asked or newest is None or sys.version_info[:2] <= newest:
        return asked or sys.executable
    names = [f"python3.{minor}" for minor in range(newest[1], 8, -1)]
    for path in filter(None, map(shutil.which, names)):
        if subprocess.run([path, "-c", "import venv"], capture_output=True, check=False).returncode == 0:
            return path
    raise NotInstallable(f"{engine} needs Python {newest[0]}.{newest[1]} or older; none of {', '.join(names)} is here")


def make(engine: str, python: str) -> None:
    """Makes the environment anew, and sees that the engine can be imported. Raises NotInstallable."""
    folder = environment(engine)
    shutil.rmtree(folder, ignore_errors=True)
    run = [str(folder / "bin" / "python")]
    steps = (
        [python, "-m", "venv", str(folder)],
        [*run, "-m", "pip", "install", "--quiet", "--no-deps", "-r", str(REQUIREMENTS / f"{engine}.txt")],
        [*run, "-c", f"import {module_of(engine)}"],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False, env={**os.environ, **QUIET})
        if done.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)  # half an environment would be taken for a whole one
            said = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise NotInstallable(f"{engine}: {' '.join(step)}: {''.join(said)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("engines", nargs="*", help=f"of {', '.join(OWN)}; all by default")
    parser.add_argument("--python", nargs="*", default=[], metavar="ENGINE=PATH", help="interpreters to build upon")
    args = parser.parse_args()
    asked = dict(pair.split("=", 1) for pair in args.python)
    unknown = sorted({*args.engines, *asked} - set(OWN))
    if unknown:
        parser.error(f"no requirements for {', '.join(unknown)}")
    missing = 0
    for engine in args.engines or OWN:
        try:
            make(engine, interpreter_for(engine, asked.get(engine)))
            print(f"{engine}: {environment(engine)}")
        except NotInstallable as reason:
            missing += 1
            print(f"{engine}: NOT INSTALLED: {reason}", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
