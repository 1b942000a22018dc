"""Whole networks beside the peers: interleaved, paired, one process per engine.

    python bench/models/environments.py     (once, for the peers that want an environment of their own)
    python bench/models/compare.py --nets DIR [--threads 1 2] [--only mobilenet_v2 ...] [--out bench/results/models.md]

DIR holds ONNX files with one image input. In each round every engine runs in turn for a moment, so that a drift of the
machine's speed meets all of them; a ratio is the median over the rounds of (peer's median time / our median time), so
above 1 fastinfer is the faster one. Answers are compared too: an engine that computes something else is marked, and one
that is not installed or cannot run a network is named below the table (table.py), with its reason.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from contest import Contender, contest, input_shape
from engines import ENGINES
from environments import how_to_install, python_of
from table import OURS, Comparison, markdown


def has_file_for(engine: str, model: Path) -> bool:
    """LiteRT reads no ONNX: it runs the network's TFLite twin, where there is one."""
    return engine != "litert" or model.with_suffix(".tflite").exists()


def compare(model: Path, engines: Sequence[str], threads: int, rounds: int, seconds: float) -> Comparison:
    result = Comparison(model.stem, threads)
    able = [name for name in engines if has_file_for(name, model)]
    result.remarks.update((name, "there is no TFLite twin of the network") for name in engines if name not in able)
    contest(result, [Contender(name, name, model) for name in able], input_shape(model), rounds, seconds)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nets", type=Path, required=True, help="a folder of ONNX files")
    parser.add_argument("--only", nargs="*", default=[], help="names of networks; all by default")
    parser.add_argument("--engines", nargs="*", default=list(ENGINES), choices=list(ENGINES))
    parser.add_argument("--threads", nargs="*", type=int, default=[1, 2])
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.15, help="of each engine in each round")
    parser.add_argument("--out", type=Path, help="writes the Markdown table here too")
    args = parser.parse_args()
    models = sorted(p for p in args.nets.glob("*.onnx") if "." not in p.stem and (not args.only or p.stem in args.only))
    left_out = {e: f"not installed; {how_to_install(e)}" for e in args.engines if python_of(e) is None}
    if "litert" in args.engines and not any(has_file_for("litert", model) for model in models):
        left_out["litert"] = "no network has a TFLite twin"
    for name, reason in left_out.items():
        print(f"{name} is left out: {reason}", file=sys.stderr)
    engines = [OURS, *(e for e in args.engines if e != OURS and e not in left_out)]
    results: list[Comparison] = []
    for threads in args.threads:
        for model in models:
            r = compare(model, engines, threads, args.rounds, args.seconds)
            results.append(r)
            ratios = "  ".join(f"{peer} {ratio:.2f}" for peer, ratio in r.ratios.items())
            remarks = (f"{engine}: {remark}" for engine, remark in r.remarks.items())
            print(f"{r.net:22} {threads} threads  {ratios}", *remarks, sep="\n  ", file=sys.stderr)
            if args.out:  # after each network: a long run that is cut short has written what it measured
                args.out.parent.mkdir(parents=True, exist_ok=True)
                args.out.write_text(markdown(results, engines, left_out))
    print(markdown(results, engines, left_out))


if __name__ == "__main__":
    main()
