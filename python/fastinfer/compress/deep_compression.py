"""Deep Compression, whole: pruning, trained quantization, Huffman coding (Han, Mao, Dally; ICLR 2016)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from fastinfer.compress.calibrated import share_for_outputs
from fastinfer.compress.codebook import share_weights
from fastinfer.compress.layers import Share, elements, layer_biases, layer_weights, with_weights
from fastinfer.compress.prune import prune_connections
from fastinfer.errors import ArgumentError
from fastinfer.graph.weight import Array, Bf16Weight, Weight
from fastinfer.session.arrays import check_shape, name_arguments, to_array
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
    calibration: Iterable[object] | None = None,
    rate: float = 0.0,
    bias_bits: int = 32,
    scope: str = "layer",
) -> Model:
    """Prune by magnitude, share weights by k-means, code them by relative indices, and Huffman-code both in files.

    density: of each layer, or by weight name (None: nothing is pruned, zeros that are there stay). scope: "layer", or
    "global" for the largest magnitudes of all layers together, of which density is then one share. bits: of codes, 2 to
    8, for all or by weight name. index_bits: of gaps, 1 to 8. The hooks may train between the stages: they take the
    model so far and give the one that goes on (weights that after_sharing leaves in another form stay in it).

    calibration: what the model is called with, call by call (an array, or a mapping of arrays by name): a few batches
    of typical inputs, no labels. Codes then keep each layer's outputs on them (those before pruning, or those that
    after_pruning left) rather than its weights, each layer given the inputs that the coded layers before it make
    (coordinate descent as in QuantEase, Behdad et al. 2023; a weight may become zero where that is best), and biases
    are corrected by the mean error left (Nagel et al. 2019). Layers of more than 4608 weights a filter, transposed
    convolutions and weights with several uses are shared by their values alone.

    rate: how much of the summed relative squared output errors one more bit for every weight must save to be
    spent, so that values are shared for a small Huffman code (entropy-constrained, Choi et al. 2017); 0 shares without
    regard to it, 0.005 to 0.01 saves about half a bit a weight. Without both, values are shared by k-means with linear
    initialisation, and biases stay as they are. bias_bits: 32, or 16 to keep the biases of these layers as bf16.

    Raises ArgumentError for what is no such option, and what running the model on the calibration raises.
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
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate < 1e9:
        raise ArgumentError(f"rate is a number, 0 or more, not {rate!r}")
    if bias_bits not in (16, 32):
        raise ArgumentError(f"biases have 16 or 32 bits, not {bias_bits!r}")
    calls = [] if calibration is None else _calls(model, calibration)
    whole = model
    if density is not None:
        model = prune_connections(model, density, scope)
    elif scope != "layer":
        raise ArgumentError(f"scope {scope!r} needs a density")
    if after_pruning is not None:
        whole = model = after_pruning(model)  # which may have trained it to other outputs
    coded: dict[str, Weight] = {}
    if calls or rate:
        coded.update(share_for_outputs(model, whole, widths, index_bits, bool(huffman), calls, float(rate)))
    else:
        coded.update((n, share_weights(elements(model, n), w, index_bits, bool(huffman))) for n, w in widths.items())
    model = with_weights(model, coded)
    if bias_bits == 16:
        model = with_weights(model, {name: Bf16Weight.of(elements(model, name)) for name in layer_biases(model)})
    return model if after_sharing is None else after_sharing(model)


def _calls(model: Model, calibration: Iterable[object]) -> list[dict[str, Array]]:
    """Arrays by name for each call."""
    declared = model.graph.inputs
    if not isinstance(calibration, Iterable):
        raise ArgumentError(f"calibration is a list of the model's inputs, not {type(calibration).__name__}")
    named = [name_arguments((call,), {}, declared) for call in calibration]
    if not named:
        raise ArgumentError("calibration has no inputs")
    calls = [{info.name: to_array(call[info.name], info) for info in declared} for call in named]
    for call in calls:
        sizes: dict[str, int] = {}
        for info in declared:
            check_shape(call[info.name], info, sizes, any_batch=True)
    return calls
