"""A trained network and ten pictures, so that there is something to run: handwritten digits.

digits.onnx is made by fastinfer.train.demo, samples.npz by fastinfer.demo.draw.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.errors import InputError

__all__ = ["CLASSES", "MODEL", "prepare", "samples"]

MODEL = Path(__file__).parent / "digits.onnx"
CLASSES = tuple("0123456789")

_SIDE = 28
_BOX = 20  # the digit's longer side, as in MNIST
_LEAST_CONTRAST = 16 / 255


def samples() -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Ten pictures (10, 96, 96), dark ink on light paper, and the digits that they show (10)."""
    with np.load(Path(__file__).parent / "samples.npz") as file:
        return file["pictures"], file["labels"].astype(np.int64)


def prepare(picture: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
    """A picture of one digit as the network takes it: (1, 1, 28, 28) in [0, 1], ink bright on black.

    `picture` is uint8, (height, width) or (height, width, 3), with dark ink on light paper or the reverse. As MNIST was
    made (LeCun et al. 1998): the ink's bounding box is scaled to 20 pixels and laid into 28x28 with its centre of mass
    in the middle. Raises InputError if there is no ink, or no picture.
    """
    if picture.size == 0:
        raise InputError("the picture is empty")
    grey = picture.astype(np.float32) / 255
    if grey.ndim == 3:
        grey = grey @ np.array([0.299, 0.587, 0.114], np.float32)
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    if ink.max() < _LEAST_CONTRAST:
        raise InputError("the picture is blank")
    ink /= ink.max()
    ys, xs = np.nonzero(ink > 0.3)
    ink = ink[ys.min() : ys.max() + 1, xs.min() : xs.max() + 1]
    scale = _BOX / max(ink.shape)
    height, width = (max(1, round(n * scale)) for n in ink.shape)
    digit = _area_weights(ink.shape[0], height) @ ink @ _area_weights(ink.shape[1], width).T
    result = np.zeros((1, 1, _SIDE, _SIDE), np.float32)
    top, left = _corner(digit, 0), _corner(digit, 1)
    result[0, 0, top : top + height, left : left + width] = np.clip(digit, 0, 1)
    return result


def _corner(digit: npt.NDArray[np.float32], axis: int) -> int:
    """Where the digit starts so that its centre of mass is in the middle, as far as it fits."""
    mass = digit.sum(1 - axis)
    centre = float((mass * (np.arange(len(mass)) + 0.5)).sum() / mass.sum())
    return int(np.clip(round(_SIDE / 2 - centre), 0, _SIDE - len(mass)))


def _area_weights(old: int, new: int) -> npt.NDArray[np.float32]:
    """(new, old): each new pixel is the mean of the old ones that it covers, by the covered length."""
    edges = np.linspace(0, old, new + 1)
    low, high = edges[:-1, None], edges[1:, None]
    cells = np.arange(old)
    covered = np.clip(np.minimum(high, cells + 1) - np.maximum(low, cells), 0, None)
    weights: npt.NDArray[np.float32] = (covered / covered.sum(1, keepdims=True)).astype(np.float32)
    return weights
