"""`fastinfer demo`: a network that ships with the package reads handwritten digits."""

from __future__ import annotations

import statistics
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.markup import escape
from rich.table import Table

import fastinfer
from fastinfer.cli import bench, common
from fastinfer.cli.image import read_image
from fastinfer.demo import CLASSES, MODEL, prepare, samples

_RUNS = 200
_SHADES = " .:-=+*#%@"


@common.reports_errors
def demo(
    image: Annotated[list[Path] | None, typer.Option(help="A picture of one digit, instead of the samples.")] = None,
    threads: common.Threads = None,
    isa: common.Isa = None,
    as_json: common.Json = False,
) -> None:
    """Recognise ten hand-drawn digits, or your own; show what ran where, and how close to the machine's limit."""
    model = fastinfer.load(MODEL, threads=threads, isa=isa)
    pictures, truths = _pictures(image)
    answers = [_classify(model, picture) for picture in pictures]
    one = {model.inputs[0].name: prepare(pictures[0])}
    times = bench.measure(model, one, _RUNS, quiet=as_json)
    median = statistics.median(times)
    layers = model.profile(one, runs=_RUNS)
    if as_json:
        rows = [
            {"picture": n, "truth": t, "digit": d, "probability": p}
            for n, t, (d, p) in zip(*truths, answers, strict=True)
        ]
        common.print_json(
            {"pictures": rows, "milliseconds": median * 1e3, "per_second": 1 / median, "profile": layers.to_dict()}
        )
        return
    common.console.print(_answers(pictures, truths, answers))
    right = sum(truth == digit for truth, (digit, _) in zip(truths[1], answers, strict=True))
    if image is None:
        common.console.print(f"{right} of {len(answers)} right\n")
    common.print_table(layers.cells(), title="one picture, layer by layer", caption=layers.summary())
    common.console.print(f"{median * 1e3:.3f} ms a picture, {1 / median:,.0f} pictures a second")


def _pictures(files: list[Path] | None) -> tuple[list[common.Array], tuple[list[str], list[str]]]:
    """The pictures, with their names and what they show ("" where that is not known)."""
    if files:
        return [read_image(path) for path in files], ([str(path) for path in files], ["" for _ in files])
    pictures, labels = samples()
    return list(pictures), ([f"sample {i}" for i in range(len(labels))], [CLASSES[label] for label in labels])


def _classify(model: fastinfer.Model, picture: common.Array) -> tuple[str, float]:
    """The digit, and its probability."""
    (probabilities,) = model.run({model.inputs[0].name: prepare(picture)}).values()
    best = int(probabilities[0].argmax())
    return CLASSES[best], float(probabilities[0, best])


def _answers(pictures: list[common.Array], truths: tuple[list[str], list[str]], answers: list[Any]) -> Table:
    table = Table("picture", "", "shows", "read as", "probability", show_lines=True)
    for picture, name, truth, (digit, probability) in zip(pictures, *truths, answers, strict=True):
        mark = "" if not truth else " [green]right[/]" if truth == digit else " [red]wrong[/]"
        table.add_row(escape(name), _thumbnail(picture), truth, digit + mark, f"{probability:.1%}")
    return table


def _thumbnail(picture: common.Array) -> str:
    """What the network sees, in characters: 28 columns, 14 rows."""
    seen = prepare(picture)[0, 0].reshape(14, 2, 28).mean(axis=1)
    shades = np.minimum((seen * len(_SHADES)).astype(int), len(_SHADES) - 1)
    return "\n".join("".join(_SHADES[shade] for shade in row) for row in shades)
