"""The bars that single layers are to reach, as measured on this machine.

    python bench/micro/bars.py [--only winograd fft ...] [--out bench/results/bars.md]

What is compared takes turns, peaks and bandwidths included, and the median of the rounds' ratios counts (timing.py). A
case that misses its bar is measured again, twice at most, before it counts: other processes disturb. With --out, bars
that are not measured keep their lines.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bar_cases import BARS, Bar, Case

TRIES = 3
HEAD = ("| bar | case | measured | wanted | met |", "|---|---|---|---|---|")


def line(name: str, bar: Bar, case: Case) -> str:
    for _ in range(TRIES):
        value = round(case.measure(), 2)
        if bar.met(value):
            break
    wanted = f"{'at most' if bar.at_most else 'at least'} {bar.wanted:g}"
    return f"| {name} | {case.what} | {value:.2f} | {wanted} | {'yes' if bar.met(value) else '**no**'} |"


def kept(path: Path | None) -> dict[str, list[str]]:
    """The lines of each bar in the file."""
    found: dict[str, list[str]] = {}
    for text in path.read_text().splitlines() if path and path.exists() else ():
        name = text.split("|")[1].strip() if text.count("|") > 1 else ""
        if name in BARS:
            found.setdefault(name, []).append(text)
    return found


def markdown(lines: dict[str, list[str]]) -> str:
    shown = [name for name in BARS if name in lines]
    rows = [text for name in shown for text in lines[name]]
    missed = sum("**no**" in text for text in rows)
    said = f"{len(rows) - missed} of {len(rows)} cases meet their bar. Written by bench/micro/bars.py."
    legend = [f"- {name}: {BARS[name].what}" for name in shown]
    return "\n".join([said, "", *legend, "", *HEAD, *rows]) + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", default=[], choices=list(BARS), help="bars; all by default")
    parser.add_argument("--out", type=Path, help="writes the table to this file, too")
    args = parser.parse_args(arguments)
    lines = kept(args.out)
    for name in args.only or BARS:
        lines[name] = []
        for case in BARS[name].cases():
            lines[name].append(line(name, BARS[name], case))
            print(lines[name][-1], file=sys.stderr)
        if args.out:  # after each bar: a long run that is cut short has written what it measured
            args.out.parent.mkdir(parents=True, exist_ok=True)
            args.out.write_text("# Bars of single layers\n\n" + markdown(lines))
    print(markdown(lines))


if __name__ == "__main__":
    main()
