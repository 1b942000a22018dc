"""What the commands share: options, loading, inputs, and how errors reach the terminal."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, ParamSpec, TypeVar

import numpy as np
import numpy.typing as npt
import typer
from rich.console import Console
from rich.markup import escape
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
    """Prints a fastinfer error as one line on standard error and ends with exit code 1; a warning as one line, once."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        warned: set[str] = set()

        def show(message: Warning | str, category: type[Warning], *_place: object) -> None:
            if str(message) not in warned:
                warned.add(str(message))
                _complain("yellow", category.__name__, str(message))

        with warnings.catch_warnings():
            warnings.showwarning = show  # type: ignore[assignment]
            try:
                return command(*args, **kwargs)
            except FastinferError as error:
                _complain("bold red", type(error).__name__, str(error))
                raise typer.Exit(1) from error

    return wrapped


def _complain(style: str, kind: str, reason: str) -> None:
    Console(stderr=True).print(f"[{style}]{kind}[/]:", escape(reason), highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, allow_nan=False)
    sys.stdout.write("\n")


def say(line: str, style: str | None = None) -> None:
    """Prints a line as it is: wider than the terminal rather than broken up, brackets as brackets."""
    console.print(line, style=style, markup=False, soft_wrap=True)


def print_table(cells: Cells, title: str | None = None, caption: str | None = None) -> None:
    """Prints the cells as a table between its title and caption, each row on one line however wide."""
    table = Table(*(escape(word) for word in cells.header))
    for number in cells.right:
        table.columns[number].justify = "right"
    for row in cells.rows:
        table.add_row(*(escape(word) for word in row))
    wide = Console(width=_WIDEST)
    if title is not None:
        say(title, "table.title")
    Console(width=Measurement.get(wide, wide.options, table).maximum).print(table)
    if caption is not None:
        say(caption, "table.caption")


@contextmanager
def progress(task: str, total: int, quiet: bool = False) -> Iterator[Callable[[], None]]:
    """A progress bar on standard error, if that is a terminal; the yielded function advances it by one."""
    terminal = Console(stderr=True)
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        console=terminal,
        transient=True,
        disable=quiet or not terminal.is_terminal,
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
    sizes = text.split("x") if text != "scalar" else []
    if not all(size.isascii() and size.isdigit() for size in sizes):
        raise InputError(f"a shape looks like 1x3x224x224, not {text!r}")
    return tuple(map(int, sizes))


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
        try:
            drawn = random.standard_normal(sizes_known) if info.dtype.kind == "f" else np.zeros(sizes_known)
            arrays[info.name] = drawn.astype(info.dtype)
        except (MemoryError, ValueError) as error:  # ValueError: NumPy's bound of an array's size
            shape_text = "x".join(map(str, sizes_known))
            raise InputError(f"an array of {shape_text} does not fit in memory", tensor=info.name) from error
    return arrays
