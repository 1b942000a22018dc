"""What m.plan() and m.profile() say: plain rows, with a readable table and JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.plan.records import Program


@dataclass(frozen=True, slots=True)
class Cells:
    """A table in words; columns numbered in `right` are aligned to the right."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    right: Sequence[int] = ()

    def __str__(self) -> str:
        widths = [max(len(row[i]) for row in (self.header, *self.rows)) for i in range(len(self.header))]
        lines = []
        for row in (self.header, ["-" * width for width in widths], *self.rows):
            cells = zip(row, widths, strict=True)
            words = [cell.rjust(w) if i in self.right else cell.ljust(w) for i, (cell, w) in enumerate(cells)]
            lines.append("  ".join(words).rstrip())
        return "\n".join(lines)

    def without_empty(self, *names: str) -> Cells:
        """Less those of the named columns that say nothing in any row."""
        kept = [i for i, name in enumerate(self.header) if name not in names or any(row[i] for row in self.rows)]
        rows = [[row[i] for i in kept] for row in self.rows]
        return Cells([self.header[i] for i in kept], rows, [kept.index(i) for i in self.right if i in kept])


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One step. macs: multiply-accumulates that are computed; bytes: compulsory traffic, weights as stored; why: the
    reason of the choice; refused: the algorithms that were not taken, and why; scratch_bytes: what one thread holds
    beside the tensors while it runs; lowered_bytes: of the matrix to which each algorithm that makes one (im2col, mec)
    would lower one image, the paper's measure; weights: those that a product reads (0: not counted).

    errors: of each algorithm that transforms (Winograd, FFT), the error to be expected of its rounding, as a share of
    the root mean square of the output. This decides: beyond 2e-5 an algorithm is only taken if asked for, so that
    twenty such layers agree within 1e-4. The worst case does not: it needs all roundings of all terms to go the same
    way (f63 of 256 inputs: 0.08 of the largest input times the weights of a filter), which never happens; tests hold
    kernels to it.

    group: the number of the group that the step runs in; stripe_rows: the rows of the group's last output that its
    steps make in turn, so that what flows between them stays in cache (0: whole steps); stripe_refusal: why a group
    that was to run by stripes does not."""

    step: str
    operator: str
    shape: tuple[int, ...]  # of the first output
    algorithm: str
    kernel: str
    macs: int
    bytes: int
    why: str
    slow: bool = False  # a path without a fast kernel
    refused: tuple[tuple[str, str], ...] = ()
    candidates: tuple[str, ...] = ()  # the algorithms that might be taken, the one that was among them
    scratch_bytes: int = 0
    lowered_bytes: tuple[tuple[str, int], ...] = ()
    weights: int = 0
    errors: tuple[tuple[str, float], ...] = ()
    group: int = 0
    stripe_rows: int = 0
    stripe_refusal: str = ""

    @property
    def error(self) -> float:
        """Of the algorithm that was taken; 0 if it does not transform."""
        return dict(self.errors).get(self.algorithm, 0.0)

    @property
    def stripe(self) -> str:
        """Group and stripe in a few words; empty for a step that was to run whole."""
        if self.stripe_rows:
            return f"{self.group}: {self.stripe_rows} row{'s' if self.stripe_rows > 1 else ''}"
        return f"{self.group}: whole" if self.stripe_refusal else ""


@dataclass(frozen=True, slots=True)
class PlanTable:
    """The plan of a model for the shapes of its inputs."""

    rows: tuple[PlanRow, ...]
    memory: dict[str, int] = field(default_factory=dict)

    @property
    def macs(self) -> int:
        return sum(row.macs for row in self.rows)

    def to_dict(self) -> dict[str, Any]:
        return {"steps": [asdict(row) for row in self.rows], "memory": dict(self.memory), "macs": self.macs}

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    def cells(self) -> Cells:
        """The rows in words. stripe: the number of a group whose steps run joined, and the rows of its stripes."""
        header = ("step", "shape", "algorithm", "kernel", "MACs", "bytes", "stripe", "error", "why")
        rows = [
            (
                row.step,
                show(row.shape),
                row.algorithm,
                row.kernel,
                f"{row.macs:,}",
                f"{row.bytes:,}",
                row.stripe,
                f"{row.error:.1e}" if row.error else "",
                f"{row.why}; not by stripes: {row.stripe_refusal}" if row.stripe_refusal else row.why,
            )
            for row in self.rows
        ]
        return Cells(header, rows, right=(4, 5, 7)).without_empty("stripe", "error")

    def __str__(self) -> str:
        return str(self.cells())

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class ProfileRow:
    """One step's time over the runs. gmacs: 1e9 multiply-accumulates a second, at the median; peak: their share of what
    the cores reach in a loop of nothing but multiply-accumulates (None for steps that have none)."""

    step: str
    operator: str
    algorithm: str
    kernel: str
    seconds: float  # median
    fastest: float
    share: float  # of the whole run
    gmacs: float
    peak: float | None
    gbytes: float  # 1e9 bytes of compulsory traffic a second
    gweights: float = 0.0  # 1e9 weights a second, of products
    stripe: str = ""  # PlanRow.stripe; the times of a step's stripes are added


@dataclass(frozen=True, slots=True)
class ProfileTable:
    rows: tuple[ProfileRow, ...]
    runs: int
    seconds: float  # the median run, all steps
    peak_gmacs: float  # measured, of all threads
    threads: int

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)

    def to_json(self) -> str:
        return json.dumps(self.to_dict(), indent=2)

    def cells(self) -> Cells:
        """The rows in words."""
        header = ("step", "algorithm", "kernel", "stripe", "ms", "%", "GMAC/s", "% of peak", "GB/s", "Gweights/s")
        rows = [
            (
                row.step,
                row.algorithm,
                row.kernel,
                row.stripe,
                f"{row.seconds * 1e3:.3f}",
                f"{row.share * 100:.1f}",
                f"{row.gmacs:.1f}" if row.gmacs else "",
                f"{row.peak * 100:.0f}" if row.peak is not None else "",
                f"{row.gbytes:.1f}",
                f"{row.gweights:.2f}" if row.gweights else "",
            )
            for row in self.rows
        ]
        return Cells(header, rows, right=(4, 5, 6, 7, 8, 9)).without_empty("stripe", "Gweights/s")

    def summary(self) -> str:
        """The whole run in one line."""
        threads = f"{self.threads} thread{'s' if self.threads > 1 else ''}"
        total = f"{self.seconds * 1e3:.3f} ms, median of {self.runs} runs, {threads}"
        return f"{total}; measured peak {self.peak_gmacs:.0f} GMAC/s"

    def __str__(self) -> str:
        return f"{self.cells()}\n{self.summary()}"


def show(shape: Sequence[int | str]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def plan_rows(program: Program, report: Sequence[dict[str, Any]], first_group: int = 0) -> list[PlanRow]:
    """The core's report of each step, with the shapes that lowering knows. Groups count from first_group."""
    rows = []
    for step, entry in zip(program.steps, report, strict=True):
        shape = program.tensors[step.outputs[0]].shape if step.outputs else ()
        rows.append(
            PlanRow(
                step=step.name,
                operator=step.op,
                shape=shape,
                algorithm=entry["algorithm"],
                kernel=entry["kernel"],
                macs=entry["macs"],
                bytes=entry["bytes"],
                why=entry["why"],
                slow=entry["slow"],
                refused=tuple(entry["refused"].items()),
                candidates=tuple(entry["candidates"]),
                scratch_bytes=entry["scratch_bytes"],
                lowered_bytes=tuple(entry["lowered_bytes"].items()),
                weights=entry["weights"],
                errors=tuple(entry["errors"].items()),
                group=first_group + entry["group"],
                stripe_rows=entry["stripe_rows"],
                stripe_refusal=entry["stripe_refusal"],
            )
        )
    return rows


def profile_table(
    rows: Sequence[PlanRow], seconds: npt.NDArray[np.float64], peak_macs: float, threads: int
) -> ProfileTable:
    """seconds: (runs, steps); peak_macs: multiply-accumulates a second of all threads."""
    runs = seconds.shape[0]
    median = np.median(seconds, axis=0) if rows else np.zeros(0)
    fastest = seconds.min(axis=0) if rows else np.zeros(0)
    total = float(np.median(seconds.sum(axis=1)))
    made = []
    for row, time, least in zip(rows, median.tolist(), fastest.tolist(), strict=True):
        rate = row.macs / time if time > 0 else 0.0
        made.append(
            ProfileRow(
                step=row.step,
                operator=row.operator,
                algorithm=row.algorithm,
                kernel=row.kernel,
                seconds=time,
                fastest=least,
                share=time / total if total > 0 else 0.0,
                gmacs=rate * 1e-9,
                peak=rate / peak_macs if row.macs and peak_macs > 0 else None,
                gbytes=row.bytes / time * 1e-9 if time > 0 else 0.0,
                gweights=row.weights / time * 1e-9 if time > 0 else 0.0,
                stripe=row.stripe,
            )
        )
    return ProfileTable(tuple(made), runs, total, peak_macs * 1e-9, threads)
