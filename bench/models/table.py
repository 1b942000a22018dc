"""Markdown tables, and the one of a comparison: a row a network and number of threads, and why a peer has no figure."""

from __future__ import annotations

import math
import platform
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

OURS = "fastinfer"


@dataclass
class Comparison:
    """One network at one number of threads."""

    net: str
    threads: int
    seconds: float = math.nan  # fastinfer's median
    ratios: dict[str, float] = field(default_factory=dict)  # peer -> its time / ours
    remarks: dict[str, str] = field(default_factory=dict)  # engine -> why it has no figure, or what is wrong with it
    versions: dict[str, str] = field(default_factory=dict)  # engine -> the release that ran

    @property
    def best_peer(self) -> float:
        return min(self.ratios.values(), default=math.nan)


class Notes:
    """Numbered remarks; equal ones of one engine share a number."""

    def __init__(self) -> None:
        self.nets: dict[tuple[str, str], list[str]] = {}

    def number(self, engine: str, remark: str, net: str) -> int:
        nets = self.nets.setdefault((engine, remark), [])
        if net not in nets:
            nets.append(net)
        return list(self.nets).index((engine, remark)) + 1

    def lines(self) -> list[str]:
        return [
            f"- [{i}] {engine}: {remark} ({', '.join(nets)})"
            for i, ((engine, remark), nets) in enumerate(self.nets.items(), 1)
        ]


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(statistics.fmean(map(math.log, values))) if values else math.nan


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def figure(value: float, digits: int = 2) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def cell(r: Comparison, engine: str, text: str, notes: Notes) -> str:
    """The text, and the number of the engine's remark if there is one."""
    remark = r.remarks.get(engine)
    return f"{text} [{notes.number(engine, remark, r.net)}]" if remark else text


def ratio(r: Comparison, peer: str, notes: Notes) -> str:
    return cell(r, peer, figure(r.ratios.get(peer, math.nan)), notes)


def grid(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    lines = (header, ["---"] * len(header), *rows)
    return ["| " + " | ".join(line) + " |" for line in lines]


def releases(results: Iterable[Comparison]) -> str:
    versions = {engine: version for r in results for engine, version in r.versions.items()}
    return "Releases: " + ", ".join(f"{engine} {version}" for engine, version in versions.items()) + "."


def _row(r: Comparison, peers: Sequence[str], notes: Notes) -> list[str]:
    ours = cell(r, OURS, figure(1e3 * r.seconds), notes)
    return [r.net, str(r.threads), ours, *(ratio(r, peer, notes) for peer in peers), figure(r.best_peer)]


def _mean_row(results: Sequence[Comparison], threads: int, peers: Sequence[str]) -> list[str]:
    rows = [r for r in results if r.threads == threads and r.ratios]
    means = [geometric_mean([r.ratios[p] for r in rows if p in r.ratios]) for p in peers]
    best = geometric_mean([r.best_peer for r in rows])
    return ["**geometric mean**", str(threads), "", *map(figure, (*means, best))]


def markdown(results: Sequence[Comparison], engines: Sequence[str], left_out: Mapping[str, str]) -> str:
    """`left_out`: peer -> why it took no part at all."""
    peers = [e for e in engines if e != OURS]
    notes = Notes()
    rows = [_row(r, peers, notes) for r in results]
    rows += [_mean_row(results, threads, peers) for threads in sorted({r.threads for r in results})]
    lines = [
        "Time of the peer / time of fastinfer (above 1: fastinfer is faster), median of paired rounds; batch 1, f32, "
        f"{processor()}. Written by bench/models/compare.py.",
        "",
        releases(results),
        "",
        *grid(["network", "threads", "fastinfer, ms", *peers, "best peer"], rows),
    ]
    said = [f"- {name} is left out: {reason}" for name, reason in left_out.items()] + notes.lines()
    return "\n".join(lines + (["", *said] if said else [])) + "\n"
