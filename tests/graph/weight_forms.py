"""One small weight of every form, for the same shape (8, 12, 1, 1) of values of few bits."""

from __future__ import annotations

import numpy as np

from fastinfer.graph.weight import (
    Array,
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
)

SHAPE = (8, 12, 1, 1)


def sparse_array(seed: int = 0) -> Array:
    rng = np.random.default_rng(seed)
    return np.where(rng.random(SHAPE) < 0.3, rng.standard_normal(SHAPE), 0).astype(np.float32)


def sparse_codebook(code_bits: int, index_bits: int, huffman: bool = False) -> SparseCodebookWeight:
    rng = np.random.default_rng(code_bits * 10 + index_bits)
    codebook = np.append(np.float32(0), rng.standard_normal(2**code_bits - 1).astype(np.float32))
    gaps, largest = [], min(2**index_bits - 1, 31)  # 8 bits: no filler fits in so small a tensor
    while sum(gaps) + len(gaps) + largest + 1 <= 96:
        gaps.append(int(rng.choice([0, 1, largest])))
    codes = rng.integers(0, 2**code_bits, len(gaps)).astype(np.uint8)
    codes[0] = 2**code_bits - 1
    packed = pack(codes, code_bits), pack(np.array(gaps, np.uint8), index_bits)
    return SparseCodebookWeight(SHAPE, codebook, *packed, code_bits, index_bits, len(gaps), huffman)


def codebook(bits: int, huffman: bool = False) -> CodebookWeight:
    rng = np.random.default_rng(bits)
    values = rng.standard_normal(2**bits - (bits > 1)).astype(np.float32)
    return CodebookWeight(SHAPE, values, pack(rng.integers(0, len(values), 96).astype(np.uint8), bits), bits, huffman)


def forms() -> dict[str, Weight]:
    rng = np.random.default_rng(1)
    array = sparse_array()
    scale = rng.random(8).astype(np.float32)
    made: dict[str, Weight] = {
        "dense f32": DenseWeight(array),
        "dense f16": DenseWeight(array.astype(np.float16)),
        "csr": CsrWeight.of(array),
        "block 1x4": BlockSparseWeight.of(array, (1, 4)),
        "block 4x1": BlockSparseWeight.of(array, (4, 1)),
        "bf16": Bf16Weight.of(array),
        "s8": ScaledWeight(SHAPE, rng.integers(0, 256, 96).astype(np.uint8), scale),
        "s4": ScaledWeight(SHAPE, pack(rng.integers(0, 16, 96).astype(np.uint8), 4), scale, 4),
        "bits": BitsWeight(SHAPE, pack(rng.integers(0, 2, 96).astype(np.uint8), 1), scale),
    }
    made |= {f"codebook {bits}": codebook(bits, bits > 4) for bits in range(1, 9)}
    made |= {f"sparse codebook {c} {i}": sparse_codebook(c, i, c == 8) for c in (1, 3, 5, 8) for i in (4, 5, 8)}
    return made


FORMS = forms()
