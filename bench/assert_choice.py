"""Fails where the algorithm that the cost model takes is over 15 % slower than the best that it could have taken.

    python bench/assert_choice.py [--nets resnet50 ...] [--layers 3x3 ...] [--threads 1] [--bar 1.15]

over the layers of bench/shapes on this machine: medians of interleaved runs, as bench/micro/algorithms.py measures.
A layer that seems to fail is measured again before it counts.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parent / "micro"))  # whose modules are scripts, too
from algorithms import Timed, time_layer, time_layers


def line(net: str, timed: Timed) -> str:
    seconds = sorted(timed.seconds.items(), key=lambda item: item[1])
    times = "  ".join(f"{name} {1e3 * time:.3g}" for name, time in seconds[:4])
    return f"{net:18} {timed.layer!s:36} {timed.taken:14} {timed.best:14} {timed.loss:5.2f}   {times}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", nargs="*", default=[], help="names of files in bench/shapes; all by default")
    parser.add_argument("--layers", nargs="*", default=[], help="only layers whose line contains one of these texts")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--bar", type=float, default=1.15, help="times that the pick may take longer than the best")
    args = parser.parse_args()
    print(f"{'network':18} {'layer':36} {'taken':14} {'best':14} {'loss':5}   ms of the fastest")
    failed = 0
    for net, timed in time_layers(args.nets, args.threads, args.layers):
        if timed.loss > args.bar:
            timed = time_layer(timed.layer, args.threads)
        failed += timed.loss > args.bar
        print(line(net, timed), "  <-- OVER THE BAR" if timed.loss > args.bar else "", flush=True)
    print(f"{failed} layers over {args.bar:.2f}" if failed else f"every pick is within {args.bar:.2f} of the best")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
