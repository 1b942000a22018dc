"""Readers: from files to graphs in canonical form."""

from fastinfer.file.model import ModelFile
from fastinfer.file.open import open_model

__all__ = ["ModelFile", "open_model"]
