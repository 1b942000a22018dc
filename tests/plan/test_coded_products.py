"""matmul from weights that stay in a compressed form: every form, either orientation, any number of rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fastinfer import _core
from fastinfer.compress.codebook import share_weights
from fastinfer.graph.weight import (
    BitsWeight,
    BlockSparseWeight,
    CodebookWeight,
    CsrWeight,
    DenseWeight,
    ScaledWeight,
    SparseCodebookWeight,
    Weight,
    pack,
)
from plan.programs import Net

Array = npt.NDArray[Any]
EPS = float(np.finfo(np.float32).eps)
ROWS, COLUMNS = 44, 60  # of the stored matrices


def sparse(rng: np.random.Generator, density: float = 0.2, shape: tuple[int, int] = (ROWS, COLUMNS)) -> Array:
    return np.where(rng.random(shape) < density, rng.standard_normal(shape), 0).astype(np.float32)


def codebook(rng: np.random.Generator, bits: int, density: float) -> CodebookWeight:
    values = np.append(np.float32(0), rng.standard_normal(2**bits - 1)).astype(np.float32)
    codes = rng.integers(0, 2**bits, (ROWS, COLUMNS), dtype=np.uint8) * (rng.random((ROWS, COLUMNS)) < density)
    return CodebookWeight((ROWS, COLUMNS), values, pack(codes.astype(np.uint8).ravel(), bits), bits)


def scaled(rng: np.random.Generator, bits: int) -> ScaledWeight:
    values = rng.integers(0, 256, ROWS * COLUMNS, dtype=np.uint8) >> (8 - bits)
    scale = rng.random(ROWS).astype(np.float32)
    return ScaledWeight((ROWS, COLUMNS), pack(values, bits), scale, bits)


def forms(rng: np.random.Generator) -> dict[str, tuple[Weight, set[str]]]:
    """Weights, and the algorithms that can keep their form."""
    made: dict[str, tuple[Weight, set[str]]] = {
        "csr": (CsrWeight.of(sparse(rng)), {"gapped", "windowed"}),
        "blocks 1x4": (BlockSparseWeight.of(sparse(rng, 0.05), (1, 4)), {"gapped", "windowed", "blocks"}),
        "blocks 4x1": (BlockSparseWeight.of(sparse(rng, 0.05), (4, 1)), {"gapped", "windowed", "blocks"}),
        "dense": (DenseWeight(sparse(rng)), {"gapped", "windowed"}),
        "s8": (scaled(rng, 8), {"gapped", "coded"}),
        "s4": (scaled(rng, 4), {"gapped", "coded", "windowed"}),
        "bits": (
            BitsWeight(
                (ROWS, COLUMNS),
                pack(rng.integers(0, 2, ROWS * COLUMNS, dtype=np.uint8), 1),
                rng.random(ROWS).astype(np.float32),
            ),
            {"coded"},
        ),
    }
    for bits in (1, 3, 4, 5, 7, 8):
        algorithms = {"gapped", "coded", "windowed"} if bits <= 5 else {"gapped", "coded"}  # values fit registers
        made[f"codebook {bits}"] = codebook(rng, bits, 0.5), algorithms
        if bits > 1:
            made[f"sparse codebook {bits}"] = share_weights(sparse(rng), bits, bits, False), algorithms
    return made


FORMS = list(forms(np.random.default_rng(0)))


def product(
    weight: Weight, x: Array, trans_b: bool, alpha: float = 1.0, **options: Any
) -> tuple[Array, list[dict[str, Any]]]:
    net = Net()
    n = weight.shape[0 if trans_b else 1]
    bias = np.linspace(-1, 1, n).astype(np.float32)
    y = net.plain((x.shape[0], n))
    weights: list[Weight | None] = [weight, DenseWeight(bias)]
    net.step("matmul", [net.input(x), -1, -1, -1], [y], weights, name="it", trans_b=trans_b, alpha=alpha)
    net.output(y)
    plan = net.prepare(**options)
    (found,) = net.run_plan(plan)
    b = weight.dense().astype(np.float64)
    b = b.T if trans_b else b
    wanted = alpha * (x.astype(np.float64) @ b) + bias
    magnitude = abs(alpha) * (abs(x).astype(np.float64) @ abs(b)) + abs(bias)
    # a rounding for each term, two for scales that weights are multiplied by, one each for alpha and bias
    assert (abs(found - wanted) <= (x.shape[1] + 5) * EPS * magnitude).all()
    return found, plan.report()


@pytest.mark.parametrize("trans_b", [True, False])
@pytest.mark.parametrize("name", FORMS)
def test_forms(name: str, trans_b: bool) -> None:
    rng = np.random.default_rng(1)
    weight, algorithms = forms(rng)[name]
    if name in ("s8", "s4", "bits") and not trans_b:
        algorithms = set()  # a scale of each input
    for m in (1, 2, 4, 9):
        x = rng.standard_normal((m, weight.shape[1 if trans_b else 0])).astype(np.float32)
        for algorithm in ("gapped", "coded", "windowed", "blocks"):
            options = {"algorithms": {"it": algorithm}}
            if algorithm in algorithms:
                first, report = product(weight, x, trans_b, alpha=-0.5, **options)
                assert report[0]["algorithm"] == algorithm
                second, _ = product(weight, x, trans_b, alpha=-0.5, threads=3, **options)
                assert np.array_equal(first, second)
            else:
                with pytest.raises(_core.CoreError, match="applies nowhere"):
                    product(weight, x, trans_b, **options)


@pytest.mark.parametrize("name", FORMS)
def test_compressed_weights_are_never_decoded(name: str) -> None:
    rng = np.random.default_rng(2)
    weight, algorithms = forms(rng)[name]
    x = rng.standard_normal((64, COLUMNS)).astype(np.float32)  # so many rows are faster dense
    _, report = product(weight, x, True, weights="compressed")
    assert report[0]["algorithm"] in (algorithms if name != "dense" else {"gemm"})
    if name != "dense":
        assert report[0]["refused"]["gemm"] == "the weights would be decoded"
    _, report = product(weight, x, True, weights="dense")
    assert report[0]["algorithm"] == "gemm"
    assert report[0]["refused"]["gapped"] == "dense weights were asked for"
    with pytest.raises(_core.CoreError, match="weights is"):
        product(weight, x, True, weights="squeezed")


def test_choice_by_density_and_rows() -> None:
    """Few weights of a large layer are all that is read; most of them, for many rows, are read dense."""
    rng = np.random.default_rng(3)
    sparsely = ("gapped", "windowed")  # which of them, by tier
    taken = {}
    for density in (0.05, 0.5, 1.0):
        weight = DenseWeight(sparse(rng, density, (1000, 1024)))
        for m in (1, 256):
            x = rng.standard_normal((m, 1024)).astype(np.float32)
            _, report = product(weight, x, True)
            taken[density, m] = report[0]["algorithm"]
            expected = np.count_nonzero(weight.array) if taken[density, m] in sparsely else weight.array.size
            assert (report[0]["weights"], report[0]["macs"]) == (expected, m * expected)
    assert taken[0.05, 1] in sparsely
    assert {taken[0.5, 256], taken[1.0, 1], taken[1.0, 256]} == {"gemm"}


def test_codes_that_need_all_of_a_byte() -> None:
    """256 values, none of them zero: no code is left for what is absent."""
    rng = np.random.default_rng(4)
    values = np.arange(1, 257, dtype=np.float32)
    codes = rng.integers(0, 256, ROWS * COLUMNS, dtype=np.uint8)
    x = rng.standard_normal((1, COLUMNS)).astype(np.float32)
    for weight in (
        CodebookWeight((ROWS, COLUMNS), values, codes, 8),
        SparseCodebookWeight((ROWS, COLUMNS), values, codes, np.zeros_like(codes), 8, 8),
    ):
        _, report = product(weight, x, True, weights="compressed")
        assert report[0]["algorithm"] == "gemm"
        assert "zero" in report[0]["refused"]["gapped"]


@pytest.mark.parametrize("algorithm", ["gapped", "coded", "windowed", None])
def test_malformed_weights(algorithm: str | None) -> None:
    """What a file's checks refuse is refused by the core too: codes beyond the codebook, entries behind the last."""
    x = np.zeros((1, COLUMNS), np.float32)
    count = ROWS * COLUMNS // 2
    gaps = np.ones(count, np.uint8)
    beyond = SparseCodebookWeight((ROWS, COLUMNS), np.zeros(3, np.float32), np.full(count, 3, np.uint8), gaps, 8, 8)
    behind = SparseCodebookWeight((ROWS, COLUMNS), np.ones(3, np.float32), np.ones(count, np.uint8), gaps + 1, 8, 8)
    for weight, reason in ((beyond, "outside of its codebook"), (behind, "beyond its last element")):
        net = Net()
        y = net.plain((1, ROWS))
        net.step("matmul", [net.input(x), -1, -1, -1], [y], [weight, None], name="it", trans_b=True)
        net.output(y)
        options = {"algorithms": {"it": algorithm}} if algorithm else {"weights": "dense"}
        with pytest.raises(_core.CoreError, match=reason) as caught:
            net.prepare(**options)
        assert caught.value.kind == "value"
