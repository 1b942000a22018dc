"""`fastinfer compress`: from a model to a small `.fi` file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeVar

import numpy as np
import typer

import fastinfer
from fastinfer.cli import common
from fastinfer.cli.calibration import calls_of
from fastinfer.cli.inspect import size_cells
from fastinfer.compress import deep_compression
from fastinfer.compress.layers import layer_weights
from fastinfer.errors import InputError
from fastinfer.file.fi import sizes

N = TypeVar("N", int, float)

_EACH = "for all layers, or NAME=VALUE for one weight; repeatable"


@common.reports_errors
def compress(
    model: common.ModelPath,
    out: Annotated[Path, typer.Argument(help="The .fi file to write.", show_default=False)],
    density: Annotated[list[str] | None, typer.Option(help=f"Share of weights kept, {_EACH}.")] = None,
    scope: Annotated[str, typer.Option(help="layer: that share of each; global: of all together.")] = "layer",
    bits: Annotated[list[str] | None, typer.Option(help=f"Bits of a code, 2 to 8 (default 8), {_EACH}.")] = None,
    index_bits: Annotated[int, typer.Option(help="Bits of a gap between kept weights, 1 to 8.")] = 4,
    huffman: Annotated[bool, typer.Option(help="Huffman-code both in the file.")] = True,
    calibrate: Annotated[
        list[Path] | None, typer.Option(help="Typical inputs: pictures, or .npy arrays of a call each; repeatable.")
    ] = None,
    mean: Annotated[str, typer.Option(help="Taken from each channel of a picture, in the model's order.")] = "0",
    std: Annotated[str, typer.Option(help="What each channel is divided by then.")] = "1",
    bgr: Annotated[bool, typer.Option("--bgr", help="The model takes blue first.")] = False,
    rate: Annotated[float, typer.Option(help="Price of a bit: 0.01 shares values for a small Huffman code.")] = 0.0,
    bias_bits: Annotated[int, typer.Option(help="32, or 16 to keep biases as bf16.")] = 32,
    as_json: common.Json = False,
) -> None:
    """Compress by Deep Compression: prune, share weights by codes, Huffman-code; no training."""
    m = fastinfer.load(model)
    names = layer_weights(m)
    centre, spread = _numbers(mean, "mean"), _numbers(std, "std")
    if not spread.all():
        raise InputError("--std divides, so it is not 0")
    small = deep_compression(
        m,
        _by_name(density, float, 1.0, names, "density"),
        _by_name(bits, int, 8, names, "bits") or 8,
        index_bits,
        huffman,
        calibration=calls_of(m, calibrate, centre, spread, bgr) if calibrate else None,
        rate=rate,
        bias_bits=bias_bits,
        scope=scope,
    )
    fastinfer.save(small, out)
    before, after = model.stat().st_size, out.stat().st_size
    rows = sizes(small.graph)
    dense, stored = (sum(getattr(row, stage) for row in rows) for stage in ("dense", "entropy_coded"))
    if as_json:
        common.print_json({"from_bytes": before, "to_bytes": after, "dense_bytes": dense, "ratio": dense / after})
        return
    common.print_table(size_cells(rows))
    common.say(
        f"{model} ({before:,} bytes) -> {out} ({after:,} bytes): {dense / after:.1f} times smaller than dense weights"
        f" ({stored:,} bytes of weights)"
    )


def _by_name(
    given: list[str] | None, kind: type[N], default: N, names: list[str], what: str
) -> N | dict[str, N] | None:
    """A number for all, a dict where single weights are named, None for nothing."""
    common_to_all, single = None, {}
    for text in given or []:
        name, _, value = text.rpartition("=")
        try:
            number = kind(value)
        except ValueError:
            raise InputError(f"--{what} wants VALUE or NAME=VALUE, not {text!r}") from None
        if name:
            single[name] = number
        else:
            common_to_all = number
    if not single:
        return common_to_all
    rest = default if common_to_all is None else common_to_all
    return {**dict.fromkeys(names, rest), **single}


def _numbers(text: str, what: str) -> common.Array:
    try:
        numbers = np.array([float(part) for part in text.split(",")], np.float32)
    except ValueError:
        numbers = np.array(np.nan)
    if not np.isfinite(numbers).all():
        raise InputError(f"--{what} looks like 104,117,123, not {text!r}")
    return numbers
