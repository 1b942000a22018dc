"""Calibration inputs from files: arrays as they are, pictures as a model of pictures takes them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

import fastinfer
from fastinfer.cli.common import Array, load_array
from fastinfer.cli.image import Picture, read_image
from fastinfer.errors import InputError

Floats = npt.NDArray[np.float32]


def calls_of(model: fastinfer.Model, files: list[Path], mean: Array, std: Array, bgr: bool) -> list[Array]:
    """One call a file. A picture is scaled to the model's height and width, less the mean, divided by std."""
    if len(model.inputs) != 1:
        raise InputError("calibrating from files wants a model of one input; fastinfer.compress takes any")
    (info,) = model.inputs
    return [
        load_array(info.name, str(file)) if file.suffix == ".npy" else _picture(file, info, mean, std, bgr)
        for file in files
    ]


def _picture(file: Path, info: fastinfer.TensorInfo, mean: Array, std: Array, bgr: bool) -> Floats:
    shape = info.shape
    if shape is None or len(shape) != 4 or shape[1] not in (1, 3) or not all(isinstance(n, int) for n in shape[2:]):
        reason = f"its shape {shape} is not that of a picture of known size: give .npy arrays"
        raise InputError(reason, tensor=info.name)
    for name, numbers in (("mean", mean), ("std", std)):
        if len(numbers) not in (1, shape[1]):
            raise InputError(f"--{name} has {len(numbers)} numbers, the model {shape[1]} channels")
    height, width = (int(n) for n in shape[2:])
    pixels = scaled(read_image(file), height, width)
    if shape[1] == 1:
        pixels = pixels.mean(axis=2, keepdims=True)
    elif bgr:
        pixels = pixels[..., ::-1]
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None], np.float32)


def scaled(picture: Picture, height: int, width: int) -> Floats:
    """Height x width x 3 by linear interpolation between the pixels' centres."""
    rows, columns = (_linear(n, size) for n, size in zip(picture.shape, (height, width), strict=False))
    made: Floats = np.einsum("yh,hwc,xw->yxc", rows, picture.astype(np.float32), columns, optimize=True)
    return made


def _linear(source: int, size: int) -> Floats:
    """The (size, source) matrix of linear interpolation; a smaller size averages what falls on each pixel."""
    centres = (np.arange(size) + 0.5) * source / size - 0.5
    reach = max(1.0, source / size)
    weights = np.maximum(0, 1 - np.abs(np.arange(source) - np.clip(centres, 0, source - 1)[:, None]) / reach)
    shares: Floats = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
