"""ONNX's backend interface (onnx.backend.base.Backend) over fastinfer. Needs the onnx package.

import fastinfer.backend
y, = fastinfer.backend.run_model(onnx.load("network.onnx"), [x])
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import ModelProto, NodeProto
from onnx.backend.base import Backend, BackendRep, namedtupledict
from onnx.helper import make_graph, make_model, make_opsetid, make_tensor_value_info, np_dtype_to_tensor_dtype

from fastinfer.errors import ArgumentError, DTypeError, UnsupportedOperatorError
from fastinfer.file.onnx.opsets import NEWEST_OPSET
from fastinfer.session import Model, load

Array = npt.NDArray[Any]


class FastinferBackendRep(BackendRep):
    """A model made ready to run again and again."""

    def __init__(self, model: Model) -> None:
        self.model = model
        self._outputs = namedtupledict("Outputs", [info.name for info in model.outputs])

    def run(self, inputs: Any, **kwargs: Any) -> tuple[Array, ...]:
        """The outputs in the model's order, and by name too. inputs: one array, a sequence, or a mapping by name."""
        arguments = inputs if isinstance(inputs, list | tuple) else (inputs,)
        found = self.model(*arguments, **kwargs)
        results = found.values() if isinstance(found, dict) else (found,)
        return self._outputs(*results)


class FastinferBackend(Backend):
    """Class methods throughout; the module has them as functions too, as ONNX's test runner likes it."""

    @classmethod
    def supports_device(cls, device: str) -> bool:
        return device.split(":")[0] == "CPU"

    @classmethod
    def is_compatible(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> bool:
        """Whether fastinfer has all of the model's operators, for the model's types."""
        try:
            load(model.SerializeToString(), **kwargs)
        except (UnsupportedOperatorError, DTypeError):
            return False
        return cls.supports_device(device)

    @classmethod
    def prepare(cls, model: ModelProto, device: str = "CPU", **kwargs: Any) -> FastinferBackendRep:
        """kwargs go to fastinfer.load: threads, isa, weights, memory_limit. Raises what load raises."""
        if not cls.supports_device(device):
            raise ArgumentError(f"no device {device!r}, only CPU")
        return FastinferBackendRep(load(model.SerializeToString(), **kwargs))

    @classmethod
    def run_model(cls, model: ModelProto, inputs: Any, device: str = "CPU", **kwargs: Any) -> tuple[Array, ...]:
        return cls.prepare(model, device, **kwargs).run(inputs)

    @classmethod
    def run_node(
        cls,
        node: NodeProto,
        inputs: Any,
        device: str = "CPU",
        outputs_info: Sequence[tuple[np.dtype[Any], tuple[int, ...]]] | None = None,
        **kwargs: Any,
    ) -> tuple[Array, ...]:
        """One node as a model of its own. inputs: one array for each input that is not absent, or a mapping by name.

        opset_version (default: the newest) says which version of the operator the node means.
        """
        names = [name for name in node.input if name]
        arrays = [inputs[name] for name in names] if isinstance(inputs, dict) else list(inputs)
        if len(arrays) != len(names):
            raise ArgumentError(f"the node has {len(names)} inputs, got {len(arrays)}")
        given = {name: np.asarray(array) for name, array in zip(names, arrays, strict=True)}
        takes = [make_tensor_value_info(n, np_dtype_to_tensor_dtype(a.dtype), a.shape) for n, a in given.items()]
        makes = [onnx.ValueInfoProto(name=name) for name in node.output if name]
        opset = int(kwargs.pop("opset_version", NEWEST_OPSET))
        graph = make_graph([node], node.op_type, takes, makes)
        model = make_model(graph, opset_imports=[make_opsetid(node.domain, opset)])
        return cls.run_model(model, given, device, **kwargs)


supports_device = FastinferBackend.supports_device
is_compatible = FastinferBackend.is_compatible
prepare = FastinferBackend.prepare
run_model = FastinferBackend.run_model
run_node = FastinferBackend.run_node
