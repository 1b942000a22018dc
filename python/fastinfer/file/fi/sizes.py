"""What each weight takes at every stage of compression."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from fastinfer.file.fi.writer import stored_bytes
from fastinfer.graph.ir import Graph


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of one weight: as dense elements, its nonzeros alone, as its form holds it, and as a `.fi` file does."""

    name: str
    form: str
    elements: int
    nonzeros: int
    dense: int
    pruned: int
    coded: int
    entropy_coded: int

    @property
    def density(self) -> float:
        return self.nonzeros / max(1, self.elements)

    @property
    def ratio(self) -> float:
        return self.dense / max(1, self.entropy_coded)

    @property
    def bits_per_weight(self) -> float:
        return 8 * self.entropy_coded / max(1, self.elements)


def sizes(graph: Graph) -> list[Sizes]:
    """Of every weight, in the graph's order."""
    found = []
    for name, weight in graph.weights.items():
        array = weight.dense()
        count, nonzeros = math.prod(weight.shape), int(np.count_nonzero(array))
        stored = stored_bytes(name, weight)
        width = array.itemsize
        found.append(Sizes(name, weight.form, count, nonzeros, width * count, width * nonzeros, weight.nbytes, stored))
    return found
