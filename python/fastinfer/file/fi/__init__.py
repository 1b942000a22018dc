"""`.fi` files: a safetensors container of weights as they are compressed, the graph in its one metadata entry.

    file     = length of header (u64, little-endian) | header (JSON) | data
    header   = {"__metadata__": {"fastinfer": text}, tensor name: {"dtype", "shape", "data_offsets"}, ...}
    text     = JSON: version, name, inputs, outputs, nodes, weights

Every weight is one tensor: a dense one of its own dtype and shape, any other form a blob of bytes (U8) of its parts one
after the other, each filled up to a multiple of 8. `weights` lists, in the header's order of tensors, [crc32], and for
a blob [crc32, form, shape, numbers, parts], a part being [dtype, shape, bytes, 1 if Huffman-coded]. The bytes depend on
the graph alone.
"""

from fastinfer.file.fi.reader import is_fi, read_fi
from fastinfer.file.fi.sizes import Sizes, sizes
from fastinfer.file.fi.writer import fi_bytes, write_fi

__all__ = ["Sizes", "fi_bytes", "is_fi", "read_fi", "sizes", "write_fi"]
