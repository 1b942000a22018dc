"""Writes every table of bench/results, as this machine measures it.

    python bench/models/environments.py          (once: environments of their own, for the peers that want one)
    python bench/run.py --nets DIR [--only compare bars ...]

DIR holds networks as ONNX files, each with one image input. The parts, and about how long they take
on two cores:

{parts}

Nothing else should run meanwhile. Each is a script that can be run alone; a part that fails does not stop the others.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

BENCH = Path(__file__).resolve().parent
RESULTS = BENCH / "results"


@dataclass(frozen=True, slots=True)
class Part:
    script: str
    minutes: int
    what: str
    out: str = ""  # in bench/results
    nets: bool = False  # takes --nets DIR
    files: bool = False  # takes the networks' files

    def command(self, nets: Path) -> list[str]:
        command = [sys.executable, str(BENCH / self.script)]
        if self.nets:
            command += ["--nets", str(nets)]
        if self.files:
            command += [str(path) for path in sorted(nets.glob("*.onnx"))]
        return [*command, "--out", str(RESULTS / self.out)]


PARTS = {
    "compare": Part("models/compare.py", 20, "networks beside the peers, on 1 and 2 threads", "models.md", nets=True),
    "compressed": Part("models/compressed.py", 20, "compressed networks beside the peers", "compressed.md", nets=True),
    "footprint": Part("models/footprint.py", 2, "load + first answer, memory", "footprint.md", files=True),
    "algorithms": Part("micro/algorithms.py", 2, "every layer by every algorithm"),
    "bars": Part("micro/bars.py", 5, "the bars of single layers", "bars.md"),
}


def described() -> str:
    assert __doc__ is not None
    parts = (f"    {name:12}{part.minutes:3} min   {part.what} ({part.script})" for name, part in PARTS.items())
    return __doc__.format(parts="\n".join(parts))


def main() -> int:
    parser = argparse.ArgumentParser(description=described(), formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=Path, required=True, help="a folder of ONNX files")
    parser.add_argument("--only", nargs="*", default=[], choices=list(PARTS), help="all by default")
    args = parser.parse_args()
    failed = []
    for name in args.only or PARTS:
        print(f"{name}: {PARTS[name].what}", flush=True)
        start = time.monotonic()
        code = subprocess.run(PARTS[name].command(args.nets), stdout=subprocess.DEVNULL, check=False).returncode
        minutes = (time.monotonic() - start) / 60
        print(f"{name}: {minutes:.1f} min" + (f", ended with {code}" if code else ""), flush=True)
        failed += [name] if code else []
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
