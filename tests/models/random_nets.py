"""Networks drawn at random from the operators that interact in lowering: layouts, views, concats, fused neighbours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Shape = tuple[int, ...]
WIDEST = 48  # channels that a drawn network may come to


class RandomNet:
    """An ONNX graph under construction. `shapes` holds every value made so far; newer ones are preferred as inputs."""

    def __init__(self, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.nodes: list[onnx.NodeProto] = []
        self.weights: list[onnx.TensorProto] = []
        self.shapes: dict[str, Shape] = {}
        batch, channels, height, width = (
            int(self.random.integers(a, b)) for a, b in ((1, 4), (1, 9), (5, 15), (5, 15))
        )
        self.shapes["x"] = (batch, channels, height, width)
        for _ in range(int(self.random.integers(4, 26))):
            self.random.choice(np.array(STEPS, dtype=object))(self)

    def model(self) -> tuple[onnx.ModelProto, np.ndarray]:
        """The model, and an input for it. Outputs: the last value, a leaf or two, perhaps one from inside."""
        made = list(self.shapes)[1:] or [self.apply("Neg", ["x"], self.shapes["x"])]
        read = {name for node in self.nodes for name in node.input}
        leaves = [name for name in made if name not in read]
        outputs = [made[-1], *map(str, self.random.choice(leaves, min(2, len(leaves)), replace=False))]
        if self.random.random() < 0.4:
            outputs.append(str(self.random.choice(made)))
        outputs = list(dict.fromkeys(outputs))
        infos = [helper.make_tensor_value_info(n, TensorProto.FLOAT, self.shapes[n]) for n in ("x", *outputs)]
        graph = helper.make_graph(self.nodes, "random", infos[:1], infos[1:], self.weights)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        return model, self.random.standard_normal(self.shapes["x"]).astype(np.float32)

    def apply(self, op: str, inputs: list[str], *shapes: Shape, **attributes: Any) -> str:
        """Add a node; its first output."""
        names = [f"v{len(self.shapes)}_{i}" for i in range(len(shapes))]
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        self.shapes.update(zip(names, shapes, strict=True))
        return names[0]

    def constant(self, value: Any) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def normal(self, *shape: int, fan_in: int = 1) -> str:
        return self.constant((self.random.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))

    def pick(self, fits: Callable[[Shape], bool]) -> str:
        """A value whose shape fits; there must be one."""
        names = [name for name, shape in self.shapes.items() if fits(shape)]
        return names[max(self.random.integers(len(names)), self.random.integers(len(names)))]

    def picture(self) -> tuple[str, Shape]:
        name = self.pick(lambda shape: len(shape) == 4)
        return name, self.shapes[name]


def conv(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    divisors = [d for d in (2, 3) if c % d == 0]
    groups = int(net.random.choice([1, 1, 1, c, *divisors]))
    out = c if groups == c else groups * int(net.random.integers(1, 5))
    k, stride = int(net.random.choice([1, 1, 3])), int(net.random.choice([1, 1, 1, 2]))
    pad = k // 2
    inputs = [x, net.normal(out, c // groups, k, k, fan_in=c // groups * k * k)]
    if net.random.random() < 0.6:
        inputs.append(net.normal(out))
    size = ((h - 1) // stride + 1, (w - 1) // stride + 1)
    net.apply("Conv", inputs, (n, out, *size), group=groups, strides=[stride] * 2, pads=[pad] * 4)


def conv_transpose(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    if h * w > 400:
        return
    out, stride, k = (int(net.random.integers(a, b)) for a, b in ((1, 6), (1, 3), (2, 4)))
    size = ((h - 1) * stride + k, (w - 1) * stride + k)
    net.apply("ConvTranspose", [x, net.normal(c, out, k, k, fan_in=c * k)], (n, out, *size), strides=[stride] * 2)


def pool(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    pad, ceil = int(net.random.integers(2)), int(net.random.integers(2))
    if min(h, w) + 2 * pad < 3 or min(h, w) < 2:
        return

    def size(length: int) -> int:
        room = length + 2 * pad - 3
        count = (room + 1) // 2 + 1 if ceil else room // 2 + 1
        return count - 1 if ceil and (count - 1) * 2 >= length + pad else count

    shape = (n, c, size(h), size(w))
    window: dict[str, Any] = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [pad] * 4, "ceil_mode": ceil}
    if net.random.random() < 0.5:
        net.apply("MaxPool", [x], shape, **window)
    else:
        net.apply("AveragePool", [x], shape, count_include_pad=int(net.random.integers(2)), **window)


def unary(net: RandomNet) -> None:
    x = net.pick(lambda shape: True)
    shape = net.shapes[x]
    op = str(
        net.random.choice(["Relu", "Sigmoid", "HardSwish", "Tanh", "LeakyRelu", "Clip", "Elu", "Abs", "Neg", "Mul"])
    )
    if op == "Clip":
        net.apply(op, [x, net.constant(np.float32(-0.5)), net.constant(np.float32(0.7))], shape)
    elif op == "Mul":  # silu
        net.apply(op, [x, net.apply("Sigmoid", [x], shape)], shape)
    else:
        net.apply(op, [x], shape)


def binary(net: RandomNet) -> None:
    a = net.pick(lambda shape: True)
    shape = net.shapes[a]
    b = net.pick(lambda other: other == shape)
    net.apply(str(net.random.choice(["Add", "Add", "Mul", "Sub", "Max"])), [a, b], shape)


def squeeze_excite(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    mean = net.apply("GlobalAveragePool", [x], (n, c, 1, 1))
    gate = net.apply("Conv", [mean, net.normal(c, c, 1, 1, fan_in=c)], (n, c, 1, 1))
    net.apply("Mul", [x, net.apply("HardSigmoid", [gate], (n, c, 1, 1))], (n, c, h, w))


def concat(net: RandomNet) -> None:
    x, (n, _, h, w) = net.picture()
    parts = [x]
    for _ in range(int(net.random.integers(1, 3))):
        parts.append(net.pick(lambda s: len(s) == 4 and (s[0], *s[2:]) == (n, h, w)))
    net.random.shuffle(parts)
    channels = sum(net.shapes[part][1] for part in parts)
    if channels <= WIDEST:
        net.apply("Concat", parts, (n, channels, h, w), axis=1)


def split(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    if c > 1:
        left = int(net.random.integers(1, c))
        net.apply("Split", [x, net.constant([left, c - left])], (n, left, h, w), (n, c - left, h, w), axis=1)


def cut(net: RandomNet) -> None:
    x, shape = net.picture()
    axis, step = int(net.random.integers(1, 4)), int(net.random.choice([1, 2]))
    if shape[axis] < 2:
        return
    start = int(net.random.integers(0, shape[axis] - 1))
    size = len(range(start, shape[axis], step))
    bounds = [net.constant([value]) for value in (start, 10**6, axis, step)]
    net.apply("Slice", [x, *bounds], (*shape[:axis], size, *shape[axis + 1 :]))


def shuffle(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    groups = next((g for g in (2, 3, 4) if c % g == 0 and c > g), None)
    if groups:
        y = net.apply("Reshape", [x, net.constant([n, groups, c // groups, h, w])], (n, groups, c // groups, h, w))
        y = net.apply("Transpose", [y], (n, c // groups, groups, h, w), perm=[0, 2, 1, 3, 4])
        net.apply("Reshape", [y, net.constant([0, c, h, w])], (n, c, h, w))


def shuffle_units(net: RandomNet) -> None:
    """ShuffleNet v2's units: half of a shuffle is convolved, half goes by."""
    x, (n, c, h, w) = net.picture()
    if c % 2 or c < 4:
        return
    for _ in range(int(net.random.integers(1, 4))):
        split = net.apply("Reshape", [x, net.constant([n, 2, c // 2, h, w])], (n, 2, c // 2, h, w))
        moved = net.apply("Transpose", [split], (n, c // 2, 2, h, w), perm=[0, 2, 1, 3, 4])
        x = net.apply("Reshape", [moved, net.constant([n, c, h, w])], (n, c, h, w))
        left = net.apply("Split", [x], (n, c // 2, h, w), (n, c - c // 2, h, w), axis=1)
        right = net.normal(c // 2, c // 2, 1, 1, fan_in=c // 2)
        right = net.apply("Conv", [left.replace("_0", "_1"), right], (n, c // 2, h, w))
        x = net.apply("Concat", [left, right], (n, c, h, w), axis=1)


def pixel_shuffle(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    if c % 4 == 0 and h * w < 200:
        mode = str(net.random.choice(["DCR", "CRD"]))
        net.apply("DepthToSpace", [x], (n, c // 4, 2 * h, 2 * w), blocksize=2, mode=mode)
    elif h % 2 == 0 and w % 2 == 0 and 4 * c <= WIDEST:
        net.apply("SpaceToDepth", [x], (n, 4 * c, h // 2, w // 2), blocksize=2)


def resize(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    if h * w > 200:
        return
    inputs = [x, "", net.constant(np.array([1, 1, 2, 2], np.float32))]
    if net.random.random() < 0.5:
        mode = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    else:
        mode = {"mode": "linear", "coordinate_transformation_mode": "half_pixel"}
    net.apply("Resize", inputs, (n, c, 2 * h, 2 * w), **mode)


def pad(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    value = net.constant(np.float32(net.random.choice([0, 0.3])))
    net.apply("Pad", [x, net.constant([0, 0, 1, 0, 0, 0, 0, 2]), value], (n, c, h + 1, w + 2))


def normalize(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    op = str(net.random.choice(["BatchNormalization", "LRN", "LayerNormalization", "InstanceNormalization"]))
    if op == "BatchNormalization":
        variance = net.constant(net.random.uniform(0.5, 2, c).astype(np.float32))
        net.apply(op, [x, *(net.normal(c) for _ in range(3)), variance], (n, c, h, w))
    elif op == "LRN":
        net.apply(op, [x], (n, c, h, w), size=3)
    elif op == "LayerNormalization" and w > 4:
        net.apply(op, [x, net.normal(w), net.normal(w)], (n, c, h, w), axis=-1)
    elif h * w > 24:  # of few pixels the variance may vanish, and the result is noise in any engine
        net.apply(op, [x, net.normal(c), net.normal(c)], (n, c, h, w)) if op == "InstanceNormalization" else None


def classify(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    flat, out = net.apply("Flatten", [x], (n, c * h * w)), int(net.random.integers(2, 9))
    net.apply("Gemm", [flat, net.normal(out, c * h * w, fan_in=c * h * w), net.normal(out)], (n, out), transB=1)


def mean(net: RandomNet) -> None:
    x, (n, c, _, _) = net.picture()
    keep = int(net.random.integers(2))
    net.apply("ReduceMean", [x], (n, c, 1, 1) if keep else (n, c), axes=[2, 3], keepdims=keep)


def softmax(net: RandomNet) -> None:
    x, shape = net.picture()
    net.apply("Softmax", [x], shape, axis=int(net.random.choice([1, 2, -1])))


def attention(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    if h * w > 200:
        return
    rows = net.apply("Reshape", [x, net.constant([0, c, -1])], (n, c, h * w))
    columns = net.apply("Transpose", [rows], (n, h * w, c), perm=[0, 2, 1])
    scores = net.apply("MatMul", [columns, rows], (n, h * w, h * w))
    y = net.apply("MatMul", [net.apply("Softmax", [scores], (n, h * w, h * w), axis=-1), columns], (n, h * w, c))
    y = net.apply("Transpose", [y], (n, c, h * w), perm=[0, 2, 1])
    net.apply("Reshape", [y, net.constant([n, c, h, w])], (n, c, h, w))


def detector_head(net: RandomNet) -> None:
    x, (n, c, h, w) = net.picture()
    last = net.apply("Transpose", [x], (n, h, w, c), perm=[0, 2, 3, 1])
    net.apply("Reshape", [last, net.constant([n, -1, c])], (n, h * w, c))
    parts = [net.pick(lambda s: len(s) == 3 and s[::2] == (n, c)) for _ in range(2)]
    net.apply("Concat", parts, (n, sum(net.shapes[part][1] for part in parts), c), axis=1)


STEPS = [
    *[conv] * 5, conv_transpose, *[pool] * 2, *[unary] * 3, *[binary] * 2, squeeze_excite, *[concat] * 3, split, cut,
    shuffle, shuffle_units, pixel_shuffle, resize, pad, *[normalize] * 2, classify, mean, softmax, attention,
    detector_head,
]  # fmt: skip
