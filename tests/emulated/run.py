"""Tests fastinfer on processors that this machine is not: ARM64 from Cortex-A53 up, x86-64 without AVX-512 or any AVX.

    python tests/emulated/run.py                        # as processors.py shares out the tests
    python tests/emulated/run.py --everything           # all of them, by every row, on every processor
    python tests/emulated/run.py --only cortex-a76 --tests tests/kernels/test_gemm.py

On each processor of processors.py, under QEMU's user-mode emulation: what build_config() sees and which tiers a whole
network takes is compared with the table and the tiers' own headers; then its folders of tests run, with fewer random
examples. Missing instructions trap there, so a kernel that is taken on a processor without its instructions kills its
test. At last the kernel tables of the two architectures are compared.

The machine's own architecture runs the fastinfer that is installed for the running Python; the other one, and either if
--arm-wheel or --x86-wheel is given or none is installed, runs a wheel of third_party/build_wheel.py as pip installs it.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import places
from places import CACHE, ROOT, Place, SetupError
from processors import PROCESSORS, Processor

sys.path.insert(0, str(ROOT / "tests"))
from codebase.project import kernel_stem, tier_features, tier_setting, tiers

TIME_LIMIT = 7200  # seconds


@dataclass(frozen=True)
class Outcome:
    processor: Processor
    faults: tuple[str, ...]
    lines: tuple[str, ...]  # what to tell
    kernels: tuple[str, ...]  # names in its table


def usable_tiers(processor: Processor) -> set[str]:
    """Of its architecture, and asking for no more than it has."""
    own = [t for t in tiers() if re.search(tier_setting(t, "ARCH"), processor.arch)]
    return {t for t in own if tier_features(t) <= processor.features}


def faults_of(processor: Processor, seen: dict[str, Any]) -> list[str]:
    """Where what was seen differs from what should be."""
    usable = usable_tiers(processor)
    wanted = {"features": processor.features, "tiers": usable, "taken_if_scalar": {"scalar"}}
    faults = [f"{key}: {seen[key]}, not {sorted(value)}" for key, value in wanted.items() if set(seen[key]) != value]
    if not {processor.takes} <= set(seen["taken"]) <= usable:
        faults.append(f"taken: {seen['taken']}, not {processor.takes}")
    return faults


def environment(processor: Processor, place: Place) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name not in ("FASTINFER_ISA", "VIRTUAL_ENV")}
    own["PYTHONPATH"] = os.pathsep.join(place.packages)
    own["PYTHONDONTWRITEBYTECODE"] = "1"
    own["FASTINFER_TEST_PROFILE"] = "emulated"
    own["FASTINFER_TEST_ELSEWHERE"] = " ".join(processor.elsewhere)
    return own


def probe(processor: Processor, python: Path, variables: dict[str, str]) -> Outcome:
    command = [str(python), str(ROOT / "tests" / "emulated" / "probe.py")]
    result = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    if result.returncode != 0:
        return Outcome(processor, (f"probe.py failed: {result.stderr[-2000:]}",), (), ())
    seen = json.loads(result.stdout.splitlines()[-1])
    told = (seen["features"], seen["tiers"], seen["taken"])
    features, tiers, taken = (", ".join(words) or "none" for words in told)
    line = f"features {features}; tiers {tiers}; a network took {taken}"
    return Outcome(processor, tuple(faults_of(processor, seen)), (line,), tuple(seen["kernels"]))


def run_timed(command: list[str], variables: dict[str, str], log: Path) -> tuple[int, float]:
    """Exit code, negative for a signal, and seconds of CPU, its children's too; both outputs go to the log."""
    with log.open("w") as file:
        process = subprocess.Popen(command, cwd=ROOT, env=variables, stdout=file, stderr=subprocess.STDOUT)
    limit = threading.Timer(TIME_LIMIT, process.kill)
    limit.start()
    _, status, usage = os.wait4(process.pid, 0)
    limit.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def pytest(
    processor: Processor, python: Path, variables: dict[str, str], tests: list[str]
) -> tuple[tuple[str, ...], str]:
    """Faults, and a summary in a line."""
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
    log = CACHE / "emulated" / f"{processor.name}.log"
    code, seconds = run_timed(command, variables, log)
    lines = log.read_text(errors="replace").splitlines()
    summary = f"{lines[-1] if lines else 'no output'} [{seconds:.0f} s of CPU; {log}]"
    if code == 0:
        return (), summary
    return (f"pytest ended with {code}", *lines[-60:]), summary


def test(processor: Processor, place: Place, tests: list[str]) -> Outcome:
    python, variables = places.write_command(processor, place), environment(processor, place)
    seen = probe(processor, python, variables)
    tests = tests or [f"tests/{folder}" for folder in processor.folders]
    if seen.faults or not tests:
        return seen
    faults, summary = pytest(processor, python, variables, tests)
    return Outcome(processor, faults, (*seen.lines, summary), seen.kernels)


def rows_without_neon(outcomes: list[Outcome]) -> list[str]:
    """Rows, whatever their tile, that an x86-64 tier of its own instructions has and no such ARM64 tier."""
    by_arch: dict[str, set[str]] = {}
    for outcome in outcomes:
        stems = (kernel_stem(name) for name in outcome.kernels)
        by_arch.setdefault(outcome.processor.arch, set()).update(stem for stem, tier in stems if tier != "scalar")
    return sorted(by_arch["x86_64"] - by_arch["aarch64"]) if len(by_arch) == 2 else []


def report(outcome: Outcome) -> None:
    print(f"{outcome.processor.name} ({outcome.processor.arch}): {'FAILED' if outcome.faults else 'passed'}")
    print("".join(f"    {line}\n" for line in (*outcome.lines, *outcome.faults)), end="", flush=True)


def places_of(processors: list[Processor], arm_wheel: Path | None, x86_wheel: Path | None) -> dict[str, Place]:
    found = {}
    for arch in sorted({processor.arch for processor in processors}):
        wheel = arm_wheel if arch == "aarch64" else x86_wheel
        if arch == places.HOST and not wheel and importlib.util.find_spec("fastinfer"):
            found[arch] = places.place_of_running_python()
        else:
            found[arch] = places.place_of_wheel(arch, wheel)
    return found


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [processor.name for processor in PROCESSORS]
    parser.add_argument("--only", nargs="+", choices=names, default=names, help="these processors")
    parser.add_argument("--everything", action="store_true", help="all folders and all rows on every processor")
    parser.add_argument("--tests", nargs="+", default=[], help="these tests, not those of processors.py")
    parser.add_argument("--arm-wheel", type=Path, help="instead of building one")
    parser.add_argument("--x86-wheel", type=Path, help="instead of building one, or of what is installed")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processors emulated at once")
    return parser.parse_args()


def main() -> int:
    options = arguments()
    processors = [processor for processor in PROCESSORS if processor.name in options.only]
    if options.everything:
        processors = [processor.with_everything() for processor in processors]
    try:
        places.check_tools(processors)
        found = places_of(processors, options.arm_wheel, options.x86_wheel)
    except SetupError as error:
        print(f"run.py: {error}", file=sys.stderr)
        return 2
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = []
        longest_first = sorted(processors, key=lambda processor: -len(processor.folders))
        for outcome in pool.map(lambda p: test(p, found[p.arch], options.tests), longest_first):
            report(outcome)
            outcomes.append(outcome)
    lacking = rows_without_neon(outcomes)
    if lacking:
        print(f"kernels of AVX tiers that no NEON tier has: {', '.join(lacking)}")
    return int(bool(lacking) or any(outcome.faults for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
