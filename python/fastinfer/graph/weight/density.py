"""The share of a weight's elements that are not zero."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from fastinfer.graph.weight.dense import DenseWeight
from fastinfer.graph.weight.narrow import BitsWeight

if TYPE_CHECKING:
    from fastinfer.graph.weight import Weight

_SAMPLE = 4096
_DENSE = 0.98  # a sample as full as that is not looked at any closer


def density(weight: Weight) -> float:
    """1 for a weight without elements. Large dense weights are sampled first: most networks are not pruned."""
    if math.prod(weight.shape) == 0 or isinstance(weight, BitsWeight):
        return 1.0
    if isinstance(weight, DenseWeight):
        flat = weight.array.reshape(-1)
        step = max(1, flat.size // _SAMPLE)
        sample = flat[:: step | 1]
        if np.count_nonzero(sample) >= _DENSE * sample.size:
            return 1.0
    elements = weight.dense()
    return float(np.count_nonzero(elements)) / elements.size
