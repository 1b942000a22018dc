"""What the blob of each weight form holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastinfer.graph.weight import (
    Bf16Weight,
    BitsWeight,
    BlockSparseWeight,
    CodebookWeight,
    CsrWeight,
    ScaledWeight,
    SparseCodebookWeight,
)

VERSION = 1
ALIGNMENT = 8  # of tensors and of the parts of a blob
HEADER_LIMIT = 64 << 20
EXPANSION_LIMIT = 4096  # elements for each byte stored, beyond which a file is a bomb and no model
FREE_ELEMENTS = 1 << 16  # so many are fine whatever is stored
# safetensors' dtypes, by ours
DTYPES = {
    "f64": "F64", "f32": "F32", "f16": "F16", "s64": "I64", "s32": "I32", "s16": "I16", "s8": "I8",
    "u64": "U64", "u32": "U32", "u16": "U16", "u8": "U8", "boolean": "BOOL",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Form:
    """Constructor, array parts (name to allowed dtypes), integer fields, and parts that Huffman codes, with the field
    that holds their bits."""

    make: Callable[..., Any]
    parts: dict[str, tuple[str, ...]]
    numbers: tuple[str, ...] = ()
    coded: dict[str, str] | None = None
    many_axes: tuple[str, ...] = ()  # parts that have more than one


_ROWS = {"row_ptr": ("u32",), "col_idx": ("u16", "u32"), "values": ("f32",)}
FORMS: dict[str, Form] = {
    "codebook": Form(CodebookWeight, {"codebook": ("f32",), "codes": ("u8",)}, ("code_bits",), {"codes": "code_bits"}),
    "sparse_codebook": Form(
        SparseCodebookWeight,
        {"codebook": ("f32",), "codes": ("u8",), "gaps": ("u8",)},
        ("code_bits", "index_bits", "count"),
        {"codes": "code_bits", "gaps": "index_bits"},
    ),
    "csr": Form(CsrWeight, _ROWS),
    "block_sparse": Form(BlockSparseWeight, _ROWS, many_axes=("values",)),
    "bf16": Form(Bf16Weight, {"bits": ("u16",)}, many_axes=("bits",)),
    "scaled": Form(ScaledWeight, {"values": ("u8",), "scale": ("f32",)}, ("value_bits",)),
    "bits": Form(BitsWeight, {"bits": ("u8",), "scale": ("f32",)}),
}
