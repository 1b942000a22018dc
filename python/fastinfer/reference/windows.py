"""Sliding windows as a view, after padding."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from fastinfer.graph.geometry import Window

Array = npt.NDArray[Any]


def windows_of(x: Array, window: Window, fill: float) -> Array:
    """The view (N, C, size..., kernel...) of x (N, C, spatial...), `fill` standing outside of it."""
    pads = [(0, 0), (0, 0)]
    for i, size in enumerate(window.size):
        needed = (size - 1) * window.strides[i] + window.extent[i]
        pads.append((window.pad_begin[i], max(needed - window.pad_begin[i] - x.shape[2 + i], 0)))
    if any(max(pad) > 0 for pad in pads):
        x = np.pad(x, pads, constant_values=fill)
    spatial = len(window.size)
    view = np.lib.stride_tricks.sliding_window_view(x, window.extent, axis=tuple(range(2, 2 + spatial)))
    steps = [slice(0, (n - 1) * s + 1, s) for n, s in zip(window.size, window.strides, strict=True)]
    taps = [slice(None, None, d) for d in window.dilations]
    index = (slice(None), slice(None), *steps, *taps)
    return np.asarray(view[index])
