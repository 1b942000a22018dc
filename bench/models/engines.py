"""The engines under comparison, each behind one small class: load a network, run it once on its own input.

Every engine computes in f32 on the number of threads that it is told, and answers with its outputs so that the
comparison can check that all of them computed the same thing.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Engine(Protocol):
    """One loaded network. `run()` answers once on the input that it was loaded with."""

    def run(self) -> Array: ...


class FastinferEngine:
    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import fastinfer

        self.model = fastinfer.load(model, threads=threads)
        self.x = x

    def run(self) -> Array:
        return np.asarray(self.model(self.x))


class OnnxRuntimeEngine:
    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
        self.feed = {self.session.get_inputs()[0].name: x}

    def run(self) -> Array:
        return np.asarray(self.session.run(None, self.feed)[0])


class OpenVinoEngine:
    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import openvino

        core = openvino.Core()
        network = core.read_model(model)
        network.reshape({network.inputs[0]: list(x.shape)})
        hints = {
            "INFERENCE_NUM_THREADS": threads,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": 1,
        }
        self.request = core.compile_model(network, "CPU", hints).create_infer_request()
        self.request.set_input_tensor(openvino.Tensor(x))

    def run(self) -> Array:
        self.request.infer()
        return np.asarray(self.request.get_output_tensor(0).data)


class NcnnEngine:
    """Converts with pnnx into the model's folder first, without f16 storage; ncnn takes one image at a time."""

    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import ncnn

        if x.shape[0] != 1:
            raise ValueError("ncnn has no batch dimension")
        param = model.with_suffix(".ncnn.param")
        if not param.exists():
            shape = ",".join(map(str, x.shape))
            command = [str(Path(sys.executable).with_name("pnnx")), model.name, f"inputshape=[{shape}]", "fp16=0"]
            subprocess.run(command, cwd=model.parent, check=True, capture_output=True)
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, option, False)
        self.net.load_param(str(param))
        self.net.load_model(str(model.with_suffix(".ncnn.bin")))
        self.x = ncnn.Mat(x[0]).clone()  # a Mat of an array does not own it

    def run(self) -> Array:
        extractor = self.net.create_extractor()
        extractor.input("in0", self.x)
        _, y = extractor.extract("out0")
        return np.array(y)[None]


ENGINES: dict[str, Callable[[Path, Array, int], Engine]] = {
    "fastinfer": FastinferEngine,
    "onnxruntime": OnnxRuntimeEngine,
    "openvino": OpenVinoEngine,
    "ncnn": NcnnEngine,
}


def installed(engine: str) -> bool:
    return importlib.util.find_spec(engine) is not None
