"""Which opset versions are read: 7 to the newest, and older ones whose operators already had their opset-7 form."""

from __future__ import annotations

from fastinfer.errors import FileFormatError
from fastinfer.file.onnx.functions import OpsetNode

OLDEST_OPSET, NEWEST_OPSET = 7, 28

_FORMS_BEFORE_7 = {
    1: "ArgMax ArgMin Constant Conv ConvTranspose DepthToSpace Flatten Gather GlobalAveragePool GlobalMaxPool Hardmax "
    "Identity LRN LogSoftmax LpNormalization MatMul MaxPool Not ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp "
    "ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Shape Size Slice Softmax Softplus Softsign "
    "SpaceToDepth Squeeze TopK Transpose Unsqueeze",
    2: "GlobalLpPool LpPool Pad Split",
    4: "Concat",
    5: "Reshape",
    6: "Abs Cast Ceil Clip Elu Exp Floor HardSigmoid InstanceNormalization LeakyRelu Log Max Mean Min Neg Reciprocal "
    "Relu Selu Sigmoid Sqrt Sum Tanh Tile",
}
_FORM_SINCE = {op: version for version, ops in _FORMS_BEFORE_7.items() for op in ops.split()}


def check_opsets(nodes: list[OpsetNode]) -> None:
    """FileFormatError if a node's opset is newer than what is known, or older than its operator's form of opset 7."""
    for found in nodes:
        version, op = found.version, found.node.op_type
        if version > NEWEST_OPSET:
            raise FileFormatError(f"opset {version}; versions {OLDEST_OPSET} to {NEWEST_OPSET} are supported")
        if version < _FORM_SINCE.get(op, OLDEST_OPSET):
            reason = f"opset {version} with {op}; versions {OLDEST_OPSET} to {NEWEST_OPSET} are supported"
            raise FileFormatError(reason, node=found.node.name or None)
