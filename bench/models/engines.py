"""The engines under comparison, each behind one small class: load a network, run it once on its own input.

Every engine computes in f32 on the number of threads that it is told, and answers with its outputs so that the
comparison can check that all of them computed the same thing.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from environments import cache_folder

Array = npt.NDArray[Any]


class Engine(Protocol):
    """One loaded network. `run()` answers once on the input that it was loaded with."""

    def run(self) -> Array: ...


def converted(model: Path, engine: str, convert: Callable[[Path], None]) -> Path:
    """A folder of the cache, with what `convert` put there of the network."""
    name = f"{model.stem}-{hashlib.sha256(model.read_bytes()).hexdigest()[:16]}.{engine}"
    folder = cache_folder() / "bench" / "converted" / name
    if not folder.exists():
        part = folder.with_name(f"{name}.{os.getpid()}")
        part.mkdir(parents=True)
        convert(part)
        part.rename(folder)
    return folder


class FastinferEngine:
    def __init__(self, model: Path, x: Array, threads: int, weights: str = "auto") -> None:
        import fastinfer

        self.model = fastinfer.load(model, threads=threads, weights=weights)
        self.x = x

    def run(self) -> Array:
        return np.asarray(self.model(self.x))

    def profile(self, runs: int) -> list[dict[str, Any]]:
        """A row of Model.profile for each step."""
        return list(self.model.profile(self.x, runs=runs).to_dict()["rows"])


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
    """Converts the network first (pnnx), without f16 storage; ncnn takes one image at a time."""

    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import ncnn

        if x.shape[0] != 1:
            raise ValueError("ncnn has no batch dimension")
        folder = converted(model, "ncnn", lambda part: self._convert(model, x.shape, part))
        self.net = ncnn.Net()
        self.net.opt.num_threads = threads
        for option in ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_storage"):
            setattr(self.net.opt, option, False)
        self.net.load_param(str(folder / "network.ncnn.param"))
        self.net.load_model(str(folder / "network.ncnn.bin"))
        self.x = ncnn.Mat(x[0]).clone()  # a Mat of an array does not own it

    def run(self) -> Array:
        extractor = self.net.create_extractor()
        extractor.input("in0", self.x)
        _, y = extractor.extract("out0")
        return np.array(y)[None]

    @staticmethod
    def _convert(model: Path, shape: tuple[int, ...], part: Path) -> None:
        (part / "network.onnx").symlink_to(model.resolve())
        package = importlib.util.find_spec("pnnx")  # its module would import torch; the program does not need it
        if package is None or package.origin is None:
            raise ModuleNotFoundError("pnnx, which converts for ncnn, is not installed")
        program = Path(package.origin).with_name("pnnx")
        command = [str(program), "network.onnx", f"inputshape=[{','.join(map(str, shape))}]", "fp16=0"]
        subprocess.run(command, cwd=part, check=True, capture_output=True)


class DeepSparseEngine:
    """Finds zeros among the weights by itself, so it runs dense and pruned networks from the same kind of file."""

    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import deepsparse

        self.engine = deepsparse.Engine(str(model), batch_size=x.shape[0], num_cores=threads)
        self.x = [x]

    def run(self) -> Array:
        return np.asarray(self.engine.run(self.x, val_inp=False)[0])


class MnnEngine:
    """Converts the network first; precision high, which is f32 throughout."""

    def __init__(self, model: Path, x: Array, threads: int) -> None:
        import MNN

        self.mnn = MNN
        folder = converted(model, "mnn", lambda part: self._convert(model, part))
        self.interpreter = MNN.Interpreter(str(folder / "network.mnn"))
        config = {"backend": "CPU", "numThread": threads, "precision": "high"}
        self.session = self.interpreter.createSession(config)
        self.input = self.interpreter.getSessionInput(self.session)
        if tuple(self.input.getShape()) != x.shape:
            self.interpreter.resizeTensor(self.input, x.shape)
            self.interpreter.resizeSession(self.session)
        self.x = self._tensor(x.shape, x)
        self.output = self.interpreter.getSessionOutput(self.session)
        shape = self.output.getShape()
        self.y = self._tensor(shape, np.zeros(shape, np.float32))

    def run(self) -> Array:
        self.input.copyFrom(self.x)
        self.interpreter.runSession(self.session)
        self.output.copyToHostTensor(self.y)
        return np.asarray(self.y.getNumpyData())

    def _tensor(self, shape: Any, data: Array) -> Any:
        """On the host, NCHW."""
        mnn = self.mnn
        return mnn.Tensor(tuple(shape), mnn.Halide_Type_Float, data, mnn.Tensor_DimensionType_Caffe)

    @staticmethod
    def _convert(model: Path, part: Path) -> None:
        # The converter itself: its command installs a logger into whatever environment is active, and reports.
        convert = "import sys, _tools; _tools.mnnconvert(sys.argv)"
        command = [sys.executable, "-c", convert, "-f", "ONNX", "--bizCode", "bench"]
        command += ["--modelFile", str(model), "--MNNModel", str(part / "network.mnn")]
        subprocess.run(command, check=True, capture_output=True)


class LiteRtEngine:
    """Runs the network's TFLite twin: the file of the same name beside it, which takes its pictures NHWC."""

    def __init__(self, model: Path, x: Array, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        twin = model.with_suffix(".tflite")
        if not twin.exists():
            raise FileNotFoundError("no TFLite twin")
        self.interpreter = Interpreter(str(twin), num_threads=threads)
        self.interpreter.allocate_tensors()
        (entry,) = self.interpreter.get_input_details()
        turned = tuple(entry["shape"]) != x.shape
        self.x = np.ascontiguousarray(x.transpose(0, 2, 3, 1) if turned else x)
        self.entry = entry["index"]
        self.exit = self.interpreter.get_output_details()[0]["index"]

    def run(self) -> Array:
        self.interpreter.set_tensor(self.entry, self.x)
        self.interpreter.invoke()
        return np.asarray(self.interpreter.get_tensor(self.exit))


# (model, x, threads, and options of the engine's own) -> the engine
ENGINES: dict[str, Callable[..., Engine]] = {
    "fastinfer": FastinferEngine,
    "onnxruntime": OnnxRuntimeEngine,
    "openvino": OpenVinoEngine,
    "deepsparse": DeepSparseEngine,
    "mnn": MnnEngine,
    "litert": LiteRtEngine,
    "ncnn": NcnnEngine,
}
