"""What the commands share: options, loading, inputs, and how errors reach the terminal."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.measure import Measurement
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

import fastinfer
from fastinfer.errors import FastinferError, InputError
from fastinfer.plan.report import Cells

Array = npt.NDArray[Any]
P = ParamSpec("P")
R = TypeVar("R")

ModelPath = Annotated[Path, typer.Argument(help="An ONNX, .fi or Deep-Compression .net file.", show_default=False)]
Threads = Annotated[int | None, typer.Option(help="Threads to use; all usable processors by default.", min=1)]
Isa = Annotated[str | None, typer.Option(help="Use no instructions beyond this tier: scalar, avx2, avx512, neon.")]
Tune = Annotated[
    bool, typer.Option("--tune", help="Time what each layer could run on, take the fastest, and remember.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Shapes = Annotated[
    list[str] | None, typer.Option("--shape", help="NAME=1x3x224x224, where the model leaves sizes open.")
]
Inputs = Annotated[list[str] | None, typer.Option("--input", help="NAME=FILE.npy; seeded random numbers by default.")]

console = Console()
_WIDEST = 1000  # characters of a table's line


def reports_errors(command: Callable[P, R]) -> Callable[P, R]:
    """Prints a fastinfer error as one line on standard error and ends with exit code 1."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except FastinferError as error:
            Console(stderr=True).print(
                f"[bold red]{type(error).__name__}[/]:", str(error), highlight=False, soft_wrap=True
            )
            raise typer.Exit(1) from error

    return wrapped


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2)
    sys.stdout.write("\n")


def print_table(cells: Cells, title: str | None = None, caption: str | None = None) -> None:
    """Prints the cells as a table, each row on one line: wider than the terminal rather than cut off."""
    table = Table(*cells.header, title=title, caption=caption)
    for number in cells.right:
        table.columns[number].justify = "right"
    for row in cells.rows:
        table.add_row(*row)
    wide = Console(width=_WIDEST)
    Console(width=Measurement.get(wide, wide.options, table).maximum).print(table)


@contextmanager
def progress(task: str, total: int, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error; the yielded function advances it by one."""
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=quiet,
    )
    with bar:
        number = bar.add_task(task, total=total)
        yield lambda: bar.advance(number)


def _pairs(options: list[str] | None, what: str) -> dict[str, str]:
    pairs = {}
    for option in options or []:
        name, separator, value = option.partition("=")
        if not separator or not name or not value:
            raise InputError(f"--{what} wants NAME=VALUE, not {option!r}")
        pairs[name] = value
    return pairs


def _shape(text: str) -> tuple[int, ...]:
    try:
        return tuple(int(size) for size in text.split("x")) if text != "scalar" else ()
    except ValueError:
        raise InputError(f"a shape looks like 1x3x224x224, not {text!r}") from None


def load_array(name: str, path: str) -> Array:
    """The array of a .npy file, for the input of this name. InputError."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read an array from {path}: {error}", tensor=name) from error
    if not isinstance(array, np.ndarray):
        raise InputError(f"{path} holds several arrays; one .npy file per input is wanted", tensor=name)
    return array


def model_inputs(model: fastinfer.Model, files: list[str] | None, shapes: list[str] | None) -> dict[str, Array]:
    """An array per input of the model: from its file, else seeded normal numbers (integers: zeros) of its shape.

    Sizes that the model leaves open are 1 where they come first (the batch); others must be given with --shape.
    """
    given, sizes = _pairs(files, "input"), _pairs(shapes, "shape")
    names = {info.name for info in model.inputs}
    for name in (*given, *sizes):
        if name not in names:
            raise InputError(f"the model has no input {name!r}; it has {', '.join(sorted(names))}")
    random = np.random.default_rng(0)
    arrays: dict[str, Array] = {}
    for info in model.inputs:
        if info.name in given:
            arrays[info.name] = load_array(info.name, given[info.name])
            continue
        declared = _shape(sizes[info.name]) if info.name in sizes else info.shape
        if declared is None:
            raise InputError("its rank is open: give --shape", tensor=info.name)
        shape = tuple(1 if axis == 0 and isinstance(size, str) else size for axis, size in enumerate(declared))
        sizes_known = tuple(size for size in shape if isinstance(size, int))
        if len(sizes_known) < len(shape):
            raise InputError(f"its shape {declared} is open: give --shape {info.name}=...", tensor=info.name)
        if info.dtype.kind == "f":
            arrays[info.name] = random.standard_normal(sizes_known).astype(info.dtype)
        else:
            arrays[info.name] = np.zeros(sizes_known, info.dtype)
    return arrays
