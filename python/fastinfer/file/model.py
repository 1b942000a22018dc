"""What a reader makes of a file."""

from __future__ import annotations

from dataclasses import dataclass, field

from fastinfer.file.source import Source
from fastinfer.graph.ir import Graph


@dataclass(slots=True)
class ModelFile:
    """A graph in canonical form, verified, and what the file says of itself."""

    graph: Graph
    format: str  # onnx, deep_compression
    source: Source
    producer: str = ""
    doc: str = ""
    ir_version: int = 0
    opset: int = 0  # of the standard domain; 0 where there is no such thing
    metadata: dict[str, str] = field(default_factory=dict)  # the file's own key-value pairs
    external_data: bool = False  # the model is more than this one file

    def content(self) -> bytes:
        """The file's bytes, as pickling needs them."""
        return self.source.buffer.tobytes()
