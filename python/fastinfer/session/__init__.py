"""The session joins the readers, the passes, lowering and the core: load() and Model."""

from fastinfer.session.config import build_config
from fastinfer.session.loading import load
from fastinfer.session.model import Model, TensorInfo
from fastinfer.session.saving import save

__all__ = ["Model", "TensorInfo", "build_config", "load", "save"]
