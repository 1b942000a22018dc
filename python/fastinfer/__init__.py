"""fastinfer: convolutional networks on CPUs, fast, and compressed ones compressed.

import fastinfer
model = fastinfer.load("network.onnx")
y = model(x)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastinfer import errors

if TYPE_CHECKING:
    from fastinfer._core import build_config
    from fastinfer.session import Model, TensorInfo, load

__all__ = ["Model", "TensorInfo", "build_config", "errors", "load"]


def __getattr__(name: str) -> Any:
    """The core and the session are imported when first used: errors, file and graph need neither."""
    if name == "__version__":
        from fastinfer._core import build_config

        return build_config()["version"]
    if name == "build_config":
        from fastinfer import _core

        return _core.build_config
    if name in ("Model", "TensorInfo", "load"):
        from fastinfer import session

        return getattr(session, name)
    raise AttributeError(f"module 'fastinfer' has no attribute {name!r}")
