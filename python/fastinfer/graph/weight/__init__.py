"""Weights in the form they are stored in. Only the core's prepare decodes them, to what a kernel packs.

Every form has `form`, `shape`, `dtype` (of the elements), `nbytes` (as stored), `stored` (elements written out, fillers
included), `dense()` (the elements, exactly) and `fault()` (what is wrong with it, or None: indices that leave the
tensor, parts of the wrong size).
"""

from fastinfer.graph.weight.codebook import CodebookWeight, SparseCodebookWeight
from fastinfer.graph.weight.dense import Array, DenseWeight
from fastinfer.graph.weight.density import density
from fastinfer.graph.weight.narrow import Bf16Weight, BitsWeight, ScaledWeight
from fastinfer.graph.weight.packing import pack, packed_bytes, unpack
from fastinfer.graph.weight.sparse import BLOCKS, BlockSparseWeight, CsrWeight, is_made_of

Weight = (
    DenseWeight
    | SparseCodebookWeight
    | CodebookWeight
    | CsrWeight
    | BlockSparseWeight
    | Bf16Weight
    | ScaledWeight
    | BitsWeight
)

__all__ = [
    "BLOCKS",
    "Array",
    "Bf16Weight",
    "BitsWeight",
    "BlockSparseWeight",
    "CodebookWeight",
    "CsrWeight",
    "DenseWeight",
    "ScaledWeight",
    "SparseCodebookWeight",
    "Weight",
    "density",
    "is_made_of",
    "pack",
    "packed_bytes",
    "unpack",
]
