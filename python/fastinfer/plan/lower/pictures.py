"""One number for each channel of a picture: global pooling, NHWC.

Of a mean the depthwise convolution that makes the picture can do most in passing, while its rows are in cache: it hands
out the mean of each row beside them. Squeeze-and-excitation then never reads the picture for its gate.
"""

from __future__ import annotations

from fastinfer.graph.dtype import DType
from fastinfer.plan.lower.builder import Builder
from fastinfer.plan.lower.view import View
from fastinfer.plan.records import StepRecord


def pool_picture(builder: Builder, x: View, y: View, kind: str) -> None:
    """y (N, C, 1, 1) = the average or max of each channel of x (N, C, H, W)."""
    builder.step("global_pool", [_row_means(builder, x) if kind == "average" else x], [y], kind=kind)


def _row_means(builder: Builder, x: View) -> View:
    """(N, C, H, 1) beside x, where a depthwise convolution makes x; else x. The mean is the same: rows are as long."""
    maker = _maker(builder, x)
    if maker is None or x.shape[3] == 1 or not _is_depthwise(builder, maker):
        return x
    if x not in builder.row_means:
        builder.row_means[x] = builder.new(DType.F32, (*x.shape[:3], 1), "nhwc")
        maker.outputs.append(builder.tensor(builder.row_means[x]))
    return builder.row_means[x]


def _maker(builder: Builder, x: View) -> StepRecord | None:
    """The step that wrote all of x at once, if it is the last to write to x's buffer."""
    tensors = builder.program.tensors
    for step in reversed(builder.program.steps):
        if any(tensors[t].buffer == x.buffer for t in step.outputs):
            return step if step.outputs[0] == builder.tensor(x) else None
    return None


def _is_depthwise(builder: Builder, step: StepRecord) -> bool:
    channels = builder.program.tensors[step.inputs[0]].shape[1]
    return step.op == "conv" and step.attributes["groups"] == channels > 1 and not step.attributes.get("planar")
