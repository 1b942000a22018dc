"""load(): from a file to a model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastinfer.errors import FastinferError, IsaError
from fastinfer.file import open_model
from fastinfer.file.source import PathOrBytes
from fastinfer.graph.weight import DenseWeight
from fastinfer.passes import optimize
from fastinfer.plan.lower import check_lowerable
from fastinfer.session.config import build_config
from fastinfer.session.model import Model
from fastinfer.session.options import Options


def load(
    model: PathOrBytes,
    threads: int | None = None,
    isa: str | None = None,
    weights: str = "auto",
    memory_limit: int | None = None,
    algorithm: str | Mapping[str, str] | None = None,
    tune: bool = False,
) -> Model:
    """Read an ONNX file, a `.fi` file or the Deep-Compression SqueezeNet (a path, or its bytes); make it ready to run.

    threads: at most so many (default: FASTINFER_NUM_THREADS, else one for each usable CPU). isa: the best tier to use,
    by name (scalar, avx2, avx512, neon; default: FASTINFER_ISA, else the best that the CPU has). weights: auto,
    compressed (keep the form that they are stored in) or dense (decode them now). memory_limit: bytes that one plan may
    take (default 16 GiB). algorithm: restrict the choice, one name for all steps that have it, or names by step.
    tune: when a plan is made (now, if the model says its inputs' shapes), time the algorithms that each step could take
    and take the fastest; what is found is kept in a file under FASTINFER_CACHE (default: the user's cache folder), and
    the next time read from there.

    Raises ModelFileNotFoundError, FileFormatError and its subclasses, UnsupportedOperatorError (listing all of them),
    GraphError, CyclicGraphError, AttributeValueError, DTypeError, IsaError, ArgumentError.
    """
    config = build_config()
    options = Options.checked(threads, isa, weights, memory_limit, algorithm, config["threads"], tune)
    if isa is not None:
        _check_isa(isa, config)
    m = load_with(model, options)
    if tune and m.shapes_known():
        m.plan()
    return m


def load_with(model: PathOrBytes, options: Options) -> Model:
    file = open_model(model)
    graph = file.graph
    if options.weights == "dense":
        graph = graph.copy()
        graph.weights = {
            name: weight if isinstance(weight, DenseWeight) else DenseWeight(weight.dense())
            for name, weight in graph.weights.items()
        }
    try:
        optimized = optimize(graph)
        check_lowerable(optimized)
        return Model(optimized, options, file)
    except FastinferError as error:
        raise error.located(file=file.source.path) from None


def reload(model: PathOrBytes, options: Options) -> Model:
    """What unpickling calls: the same model, on a machine that may have other tiers."""
    return load_with(model, options)


def _check_isa(isa: str, config: Mapping[str, Any]) -> None:
    if isa in config["tiers_usable"]:
        return
    reason = config["tiers_not_usable"].get(isa)
    known = ", ".join([*config["tiers_usable"], *config["tiers_not_usable"]])
    raise IsaError(f"isa {isa!r} cannot be used here: {reason}" if reason else f"no isa {isa!r}; there are {known}")


__all__ = ["load", "load_with", "reload"]
