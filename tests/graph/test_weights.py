"""Every weight form is what its loop says, in Python and in the core, and says what is wrong with it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest

from fastinfer.file.model import ModelFile
from fastinfer.file.source import Source
from fastinfer.graph.dtype import DType
from fastinfer.graph.ir import Graph, Node, ValueInfo
from fastinfer.graph.weight import (
    Bf16Weight,
    BitsWeight,
    BlockSparseWeight,
    CodebookWeight,
    CsrWeight,
    DenseWeight,
    ScaledWeight,
    SparseCodebookWeight,
    Weight,
    pack,
    packed_bytes,
    unpack,
)
from fastinfer.passes import optimize
from fastinfer.session.model import Model
from fastinfer.session.options import Options
from graph.weight_forms import FORMS, SHAPE, sparse_array


def bit_field(data: np.ndarray, i: int, bits: int) -> int:
    """Integer i of packed ones, by the definition."""
    return int.from_bytes(data.tobytes(), "little") >> (i * bits) & (2**bits - 1)


@pytest.mark.parametrize("bits", range(1, 9))
def test_packing(bits: int) -> None:
    values = np.random.default_rng(bits).integers(0, 2**bits, 37).astype(np.uint8)
    packed = pack(values, bits)
    assert len(packed) == packed_bytes(37, bits)
    np.testing.assert_array_equal(unpack(packed, 37, bits), values)
    assert [bit_field(packed, i, bits) for i in range(37)] == values.tolist()


def plain(weight: Weight) -> np.ndarray:
    """The elements, one after the other."""
    out = np.zeros(96, np.float32)
    if isinstance(weight, SparseCodebookWeight):
        at = -1
        for i in range(weight.count):
            gap, code = bit_field(weight.gaps, i, weight.index_bits), bit_field(weight.codes, i, weight.code_bits)
            at += gap + 1
            filler = code == 0 and gap == 2**weight.index_bits - 1
            out[at] = 0 if filler else weight.codebook[code]
    for i in range(96):
        if isinstance(weight, CodebookWeight):
            out[i] = weight.codebook[bit_field(weight.codes, i, weight.code_bits)]
        elif isinstance(weight, ScaledWeight):
            value = bit_field(weight.values, i, weight.value_bits)
            value -= 2**weight.value_bits if value >= 2 ** (weight.value_bits - 1) else 0
            out[i] = np.float32(value) * weight.scale[i // 12]
        elif isinstance(weight, BitsWeight):
            out[i] = weight.scale[i // 12] * (1 if bit_field(weight.bits, i, 1) else -1)
        elif isinstance(weight, Bf16Weight):
            out[i] = np.array([0, weight.bits.ravel()[i]], np.uint16).view(np.float32)[0]
        elif isinstance(weight, DenseWeight):
            out[i] = weight.array.ravel()[i]
    if isinstance(weight, CsrWeight | BlockSparseWeight):
        out = sparse_array().ravel()
    return out.reshape(SHAPE)


@pytest.mark.parametrize("name", FORMS)
def test_dense(name: str) -> None:
    weight = FORMS[name]
    assert weight.fault() is None
    assert weight.shape == SHAPE
    np.testing.assert_array_equal(weight.dense(), plain(weight))
    assert np.count_nonzero(weight.dense())


@pytest.mark.parametrize("name", FORMS)
def test_core_decodes_the_same(name: str) -> None:
    """A 1x1 convolution of one-hot pictures gives the weight itself, bit for bit."""
    weight = FORMS[name]
    dtype = weight.dtype
    inputs, outputs = [ValueInfo("x", dtype, ("N", 12, 1, 1))], [ValueInfo("y", dtype, ("N", 8, 1, 1))]
    graph = Graph(inputs, outputs, [Node("Conv", ["x", "w"], ["y"])], {"w": weight})
    file = ModelFile(graph, "test", Source(memoryview(b"")))
    options = Options.checked(1, None, "auto", None, None, 1)
    y = Model(optimize(graph), options, file)(np.eye(12, dtype=dtype.numpy).reshape(12, 12, 1, 1))
    assert isinstance(y, np.ndarray)
    np.testing.assert_array_equal(y.reshape(12, 8).T, weight.dense().reshape(8, 12))
    assert dtype in (DType.F32, DType.F16)


def test_bf16_rounds_to_nearest_even() -> None:
    ulp = 2.0**-7
    values = np.array([1 + ulp / 2, 1 + 1.5 * ulp, 1 + 0.51 * ulp, -1 - 0.49 * ulp, np.inf], np.float32)
    expected = [1, 1 + 2 * ulp, 1 + ulp, -1, np.inf]
    np.testing.assert_array_equal(Bf16Weight.of(values).dense(), np.array(expected, np.float32))
    assert np.isnan(Bf16Weight.of(np.array([np.nan], np.float32)).dense()).all()


CSR, BLOCKS = FORMS["csr"], FORMS["block 1x4"]
SPARSE, CODES = FORMS["sparse codebook 5 5"], FORMS["codebook 3"]
assert isinstance(CSR, CsrWeight) and isinstance(BLOCKS, BlockSparseWeight)
assert isinstance(SPARSE, SparseCodebookWeight) and isinstance(CODES, CodebookWeight)
_NAN = np.full(8, np.nan, np.float32)
FAULTS: list[tuple[Weight, str]] = [
    (replace(CSR, row_ptr=CSR.row_ptr[:-1]), "row pointers for 8 rows"),
    (replace(CSR, row_ptr=CSR.row_ptr[::-1]), "do not ascend"),
    (replace(CSR, col_idx=CSR.col_idx[:-1]), "column indices"),
    (replace(CSR, col_idx=CSR.col_idx + np.uint16(12)), "of 12"),
    (replace(CSR, col_idx=CSR.col_idx * np.uint16(0)), "do not ascend"),
    (replace(BLOCKS, values=BLOCKS.values[:, :3]), "values of shape"),
    (replace(BLOCKS, shape=(8, 13, 1, 1)), "not made of"),
    (replace(BLOCKS, block=(2, 2)), r"blocks of \(2, 2\)"),
    (replace(SPARSE, count=SPARSE.count + 8), "bytes of codes"),
    (replace(SPARSE, gaps=SPARSE.gaps[:-1]), "bytes of gaps"),
    (replace(SPARSE, gaps=SPARSE.gaps | np.uint8(255)), "of 96"),
    (replace(SPARSE, index_bits=9), "gaps of 9 bits"),
    (replace(SPARSE, codebook=SPARSE.codebook[:2]), "past the codebook of 2"),
    (replace(CODES, codebook=CODES.codebook[:0]), "a codebook of 0"),
    (replace(CODES, codebook=_NAN), "infinity or a NaN"),
    (replace(CODES, code_bits=0), "codes of 0 bits"),
    (ScaledWeight(SHAPE, np.zeros(96, np.uint8), _NAN), "infinity or a NaN"),
    (ScaledWeight(SHAPE, np.zeros(95, np.uint8), _NAN), "95 bytes for 96"),
    (ScaledWeight(SHAPE, np.zeros(96, np.uint8), _NAN, 5), "integers of 5 bits"),
    (BitsWeight(SHAPE, np.zeros(12, np.uint8), _NAN[:7]), "scales of shape"),
]


@pytest.mark.parametrize(("weight", "reason"), FAULTS, ids=[reason for _, reason in FAULTS])
def test_faults(weight: Weight, reason: str) -> None:
    fault = weight.fault()
    assert fault is not None and re.search(reason, fault)
