"""What a model costs before its second answer: load + first answer, and the peak of memory.

    python bench/models/footprint.py MODEL.onnx ... [--threads 2] [--processes 5]

Each figure is the median of so many fresh processes. Time runs from after `import fastinfer` to the first answer.
Memory is the process's peak resident size (VmHWM, Linux) above what it was after importing NumPy; pages of the mapped
file count while they are resident.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys

PROBE = """
import json, sys, time
import numpy

def peak():
    with open("/proc/self/status") as status:
        (line,) = [line for line in status if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024

bare = peak()
import fastinfer
start = time.perf_counter()
m = fastinfer.load(sys.argv[1], threads=int(sys.argv[2]))
shapes = [[1 if isinstance(n, str) else n for n in info.shape] for info in m.inputs]
y = m(*[numpy.zeros(shape, info.dtype) for shape, info in zip(shapes, m.inputs)])
first = time.perf_counter() - start
print(json.dumps({"ms": first * 1e3, "mb": peak() - bare, **m.memory()}))
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="+")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--processes", type=int, default=5)
    args = parser.parse_args()
    print(
        f"{'model':40} {'load + first answer':>20} {'peak above numpy':>18} {'weights':>9} {'packed':>9} {'arena':>9}"
    )
    for model in args.models:
        command = [sys.executable, "-c", PROBE, model, str(args.threads)]
        runs = [
            json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
            for _ in range(args.processes)
        ]
        middle = {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        sizes = [f"{middle[key] / 2**20:6.1f} MB" for key in ("weights_stored", "packed_bytes", "arena_bytes")]
        print(f"{model[-40:]:40} {middle['ms']:17.0f} ms {middle['mb']:15.1f} MB {' '.join(sizes)}")


if __name__ == "__main__":
    main()
