"""Weights made from a model's weights when it is bound to shapes (reshaped, widened, permuted): once, for all plans."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import replace

import numpy as np

from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import Array, CodebookWeight, DenseWeight, SparseCodebookWeight, Weight, density


class DerivedWeights:
    """A model's cache of derived weights. Of weights that do not last (values folded for one plan) nothing is kept."""

    def __init__(self, lasting: Iterable[Weight] = ()) -> None:
        self._lasting = {id(weight): weight for weight in lasting}
        self._made: dict[tuple[int, Hashable], Weight] = {}
        self._densities: dict[int, float] = {}

    def get(self, weight: Weight, key: Hashable, make: Callable[[Weight], Weight]) -> Weight:
        """make(weight), remembered under the weight's identity and the key."""
        if id(weight) not in self._lasting:
            return make(weight)
        made = self._made.get((id(weight), key))
        if made is None:
            made = make(weight)
            self._made[id(weight), key] = made
            self._lasting[id(made)] = made
        return made

    def dense(self, weight: Weight, key: Hashable, make: Callable[[Array], Array]) -> DenseWeight:
        """A dense weight of the elements make(elements), in C order."""
        made = self.get(weight, key, lambda w: DenseWeight(np.require(make(w.dense()), requirements="C")))
        assert isinstance(made, DenseWeight)
        return made

    def density(self, weight: Weight) -> float:
        """The share of its elements that are not zero."""
        known = self._densities.get(id(weight))
        if known is None:
            known = density(weight)
            if id(weight) in self._lasting:
                self._densities[id(weight)] = known
        return known

    def operand(self, weight: Weight, dtype: DType) -> DenseWeight:
        """The weight as a tensor of the given type: itself where it is dense and of that type."""
        if isinstance(weight, DenseWeight) and weight.dtype is dtype and weight.array.flags.c_contiguous:
            return weight
        return self.dense(weight, ("operand", dtype), lambda a: a.astype(dtype.numpy, copy=False))

    def reshaped(self, weight: Weight, shape: tuple[int, ...]) -> Weight:
        """The same elements in the same form under another shape of as many elements."""
        if weight.shape == shape:
            return weight
        if isinstance(weight, SparseCodebookWeight | CodebookWeight):
            reshaped: Weight = replace(weight, shape=shape)
            return self.get(weight, ("shape", shape), lambda _: reshaped)
        return self.dense(weight, ("shape", shape), lambda a: a.reshape(shape))
