"""fastinfer: convolutional networks on CPUs, fast, and compressed ones compressed.

import fastinfer
model = fastinfer.load("network.onnx")
y = model(x)
"""

from fastinfer import errors
from fastinfer._core import __version__
from fastinfer.session import Model, TensorInfo, build_config, load, save

__all__ = ["Model", "TensorInfo", "__version__", "build_config", "errors", "load", "save"]
