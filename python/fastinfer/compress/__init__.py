"""Making models small: pruning and Deep Compression. Each takes a model and gives another."""

from fastinfer.compress.deep_compression import deep_compression
from fastinfer.compress.prune import prune_connections

__all__ = ["deep_compression", "prune_connections"]
