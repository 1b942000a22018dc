"""What a model costs before its second answer: load + first answer, and memory.

    python bench/models/footprint.py MODEL ... [--threads 2] [--weights compressed] [--processes 5]
        [--out bench/results/footprint.md]

Each figure is the median of so many fresh processes. Time runs from after `import fastinfer` to the first answer.
Memory is the process's resident size above what it was after importing NumPy (Linux): the peak until the end (VmHWM),
and what is left after a few more answers (VmRSS); pages of the mapped file count while they are resident.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

from table import processor

COLUMNS = ("model", "load + first answer, ms", "peak above NumPy", "steady", "weights", "packed", "arena")
PROBE = """
import json, sys, time
import numpy

def resident(field):
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith(field)]
    return int(line.split()[1]) / 1024

bare = resident("VmRSS")
import fastinfer
start = time.perf_counter()
m = fastinfer.load(sys.argv[1], threads=int(sys.argv[2]), weights=sys.argv[3])
shapes = [[1 if isinstance(n, str) else n for n in info.shape] for info in m.inputs]
x = [numpy.zeros(shape, info.dtype) for shape, info in zip(shapes, m.inputs)]
y = m(*x)
first = time.perf_counter() - start
for _ in range(3):
    y = m(*x)
steady = resident("VmRSS") - bare
print(json.dumps({"ms": first * 1e3, "peak": resident("VmHWM") - bare, "steady": steady, **m.memory()}))
"""


def measure(model: Path | str, threads: int, weights: str, processes: int) -> dict[str, float]:
    """Medians: ms (load + first answer), peak and steady (MB above bare NumPy), and Model.memory() (bytes)."""
    command = [sys.executable, "-c", PROBE, str(model), str(threads), weights]
    runs = [
        json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout) for _ in range(processes)
    ]
    return {key: statistics.median(run[key] for run in runs) for key in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--weights", default="auto", choices=["auto", "compressed", "dense"])
    parser.add_argument("--processes", type=int, default=5)
    parser.add_argument("--out", type=Path, help="writes the table here too")
    args = parser.parse_args()
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    for model in args.models:
        middle = measure(model, args.threads, args.weights, args.processes)
        sizes = [middle["peak"], middle["steady"]]
        sizes += [middle[key] / 2**20 for key in ("weights_stored", "packed_bytes", "arena_bytes")]
        cells = [Path(model).stem, f"{middle['ms']:.0f}", *(f"{size:.1f}" for size in sizes)]
        lines.append("| " + " | ".join(cells) + " |")
        print(lines[-1], file=sys.stderr)
    plural = "s" if args.threads > 1 else ""
    head = f"Median of {args.processes} processes, {args.threads} thread{plural}, {processor()}; memory in MB."
    text = "\n".join([f"{head} Written by bench/models/footprint.py.", "", *lines]) + "\n"
    print(text)
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        args.out.write_text(text)


if __name__ == "__main__":
    main()
