"""Deep Compression, whole: pruning, trained quantization, Huffman coding (Han, Mao, Dally; ICLR 2016)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from fastinfer.compress.codebook import share_weights
from fastinfer.compress.layers import Share, elements, layer_weights, with_weights
from fastinfer.compress.prune import prune_connections
from fastinfer.errors import ArgumentError
from fastinfer.session.model import Model

Hook = Callable[[Model], Model]


def deep_compression(
    model: Model,
    density: Share | None = None,
    bits: int | Mapping[str, int] = 8,
    index_bits: int = 4,
    huffman: bool = True,
    after_pruning: Hook | None = None,
    after_sharing: Hook | None = None,
) -> Model:
    """Prune by magnitude, share weights by k-means, code them by relative indices, and Huffman-code both in files.

    density: of all layers, or by weight name (None: nothing is pruned, zeros that are there stay). bits: of codes, 2 to
    8, likewise. index_bits: of gaps, 1 to 8. The hooks may train between the stages: they take the model so far and
    give the one that goes on (weights that after_sharing leaves in another form stay in it). Biases stay as they are.
    """
    names = layer_weights(model)
    widths = dict(bits) if isinstance(bits, Mapping) else dict.fromkeys(names, bits)
    for name, width in [*widths.items(), ("", 8)]:
        if name and name not in names:
            raise ArgumentError(f"bits names {name!r}, which no convolution or product has as its weight")
        if isinstance(width, bool) or not isinstance(width, int) or not 2 <= width <= 8:
            raise ArgumentError(f"codes have 2 to 8 bits, not {width!r}", tensor=name)
    if isinstance(index_bits, bool) or not isinstance(index_bits, int) or not 1 <= index_bits <= 8:
        raise ArgumentError(f"gaps have 1 to 8 bits, not {index_bits!r}")
    if density is not None:
        model = prune_connections(model, density)
    if after_pruning is not None:
        model = after_pruning(model)
    coded = {
        name: share_weights(elements(model, name), width, index_bits, bool(huffman)) for name, width in widths.items()
    }
    model = with_weights(model, coded)
    return model if after_sharing is None else after_sharing(model)
