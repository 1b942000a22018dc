"""fastinfer: convolutional networks on CPUs, fast, and compressed ones compressed.

import fastinfer
model = fastinfer.load("network.onnx")
y = model(x)
"""

from fastinfer import errors
from fastinfer._core import build_config
from fastinfer.session import Model, TensorInfo, load

__version__: str = build_config()["version"]

__all__ = ["Model", "TensorInfo", "__version__", "build_config", "errors", "load"]
