"""Programs that are not what they should be: CoreError, never a crash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from fastinfer.graph.dtype import DType
from fastinfer.graph.weight import DenseWeight, SparseCodebookWeight
from fastinfer.plan.records import GroupRecord
from plan.programs import Net


def small() -> Net:
    """copy, conv, copy."""
    net = Net()
    x = net.image_input(np.ones((1, 4, 5, 5), np.float32))
    y = net.image((1, 4, 5, 5))
    net.conv(x, y, np.ones((4, 4, 3, 3), np.float32), pads=[1, 1, 1, 1])
    net.output(y)
    return net


def buffer(**changes: Any) -> Callable[[Net], None]:
    def change(net: Net) -> None:
        for name, value in changes.items():
            setattr(net.program.buffers[1], name, value)

    return change


def tensor(**changes: Any) -> Callable[[Net], None]:
    def change(net: Net) -> None:
        for name, value in changes.items():
            setattr(net.program.tensors[1], name, value)

    return change


def conv(**changes: Any) -> Callable[[Net], None]:
    def change(net: Net) -> None:
        step = net.program.steps[1]
        for name, value in changes.items():
            if name in ("inputs", "outputs", "weights", "op"):
                setattr(step, name, value)
            else:
                step.attributes[name] = value

    return change


def groups(*numbers: list[int]) -> Callable[[Net], None]:
    def change(net: Net) -> None:
        net.program.groups = [GroupRecord(steps) for steps in numbers]

    return change


BROKEN: dict[str, tuple[Callable[[Net], None], str, str]] = {
    "outside": (tensor(shape=(1, 4, 5, 6)), "internal", "outside of its buffer"),
    "before": (tensor(offset=-1), "internal", "outside of its buffer"),
    "behind": (tensor(offset=1), "internal", "outside of its buffer"),
    "negative stride": (tensor(strides=(-1, 1, 1, 1)), "", ""),
    "leaves by its stride": (tensor(strides=(100, 1, -20, 4)), "internal", "outside of its buffer"),
    "size overflow": (tensor(shape=(2**40, 2**40, 5, 5)), "internal", "its size overflows"),
    "stride overflow": (tensor(strides=(1, 2**62, 2**62, 2**62)), "internal", "overflow"),
    "negative size": (tensor(shape=(1, 4, -5, 5)), "internal", "a size is negative"),
    "rank 9": (tensor(shape=(1,) * 9, strides=(1,) * 9), "internal", "rank"),
    "ranks differ": (tensor(strides=(1, 1)), "internal", "rank"),
    "huge number": (tensor(offset=2**70), "internal", "offset has the wrong type or is out of range"),
    "no buffer": (tensor(buffer=99), "internal", "it has no buffer"),
    "wrong type": (tensor(shape="abcd"), "internal", "shape has the wrong type"),
    "no layout": (tensor(layout="nchw8c"), "internal", "unknown layout"),
    "wider type": (tensor(dtype=DType.F64), "internal", "outside of its buffer"),
    "negative bytes": (buffer(bytes=-1), "internal", "negative size"),
    "array number": (buffer(index=2**31 - 1), "internal", "array number"),
    "no array number": (buffer(index=-1), "internal", "array number"),
    "kind of buffer": (buffer(kind="stack"), "internal", "unknown kind"),
    "constant of nothing": (buffer(kind="constant"), "internal", "no weight"),
    "constant of less": (buffer(kind="constant", weight=DenseWeight(np.ones(3))), "internal", "larger than"),
    "input number": (conv(inputs=[77, -1, -1, -1]), "internal", "an input does not exist"),
    "output number": (conv(outputs=[-2]), "internal", "an output does not exist"),
    "no output": (conv(outputs=[]), "internal", "a step without output"),
    "writes an input": (conv(outputs=[1]), "internal", "read-only"),
    "no such operator": (conv(op="teleport"), "unsupported", "there is no operator teleport"),
    "groups": (conv(groups=3), "shape", "groups do not divide"),
    "no groups": (conv(groups=0), "shape", "groups do not divide"),
    "strides": (conv(strides=[0, 1]), "attribute", "strides is out of range"),
    "dilations": (conv(dilations=[1, 2**40]), "attribute", "dilations is out of range"),
    "three pads": (conv(pads=[1, 1, 1]), "attribute", "pads must have 4 entries"),
    "pads of text": (conv(pads=["a"]), "internal", "attribute pads holds something else"),
    "activation": (conv(activation="sine"), "attribute", "activation is unknown"),
    "attribute type": (conv(groups={}), "internal", "attribute groups has the wrong type"),
    "weights of another size": (conv(weights=[DenseWeight(np.ones((4, 5, 3, 3), np.float32))]), "shape", "channels"),
    "weights of another rank": (conv(weights=[DenseWeight(np.ones((4, 4), np.float32))]), "shape", "OIHW"),
    "weights of integers": (conv(weights=[DenseWeight(np.ones((4, 4, 3, 3), np.int32))]), "dtype", "s32"),
    "no weights": (conv(weights=[]), "internal", "conv lacks input 2"),
    "not a weight": (conv(weights=["w"]), "value", "malformed weight"),
    "groups twice": (groups([0, 1], [1, 2]), "internal", "every step once, in order"),
    "groups short": (groups([0], [1]), "internal", "every step once, in order"),
}  # fmt: skip


@pytest.mark.parametrize("name", [name for name, (_, kind, _) in BROKEN.items() if kind])
def test_malformed(name: str) -> None:
    change, kind, reason = BROKEN[name]
    net = small()
    net.prepare()
    change(net)
    with pytest.raises(_core.CoreError, match=reason) as error:
        net.prepare()
    assert error.value.kind == kind
    assert error.value.args == (kind, error.value.node, error.value.tensor, error.value.reason)


@pytest.mark.parametrize("record", ["tensors", "buffers", "steps", "groups"])
def test_not_records(record: str) -> None:
    net = small()
    setattr(net.program, record, [object()])
    with pytest.raises(_core.CoreError):
        net.prepare()


def test_errors_name_the_step() -> None:
    net = small()
    net.program.steps[1].attributes["strides"] = [1]
    with pytest.raises(_core.CoreError) as error:
        net.prepare()
    assert error.value.node == "conv1"


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_mutated_numbers_never_crash(data: st.DataObject) -> None:
    """Whatever numbers stand in the records: the plan runs, or CoreError is raised."""
    net = small()
    record = data.draw(st.sampled_from([*net.program.tensors, *net.program.buffers, *net.program.steps]))
    name = data.draw(st.sampled_from(["shape", "strides", "offset", "buffer", "bytes", "index", "inputs", "outputs"]))
    number = st.one_of(st.integers(-3, 30), st.sampled_from([2**31, 2**62, -(2**62), 2**63 - 1, -(2**63)]))
    if not hasattr(record, name):
        return
    old = getattr(record, name)
    if isinstance(old, int):
        setattr(record, name, data.draw(number))
    else:
        changed = list(old)
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(number)
        setattr(record, name, type(old)(changed))
    try:
        plan = net.prepare(memory_limit=1 << 20)
        net.run_plan(plan)
    except _core.CoreError:
        pass


def test_arrays_are_checked() -> None:
    net = small()
    plan = net.prepare()
    x, y = net.inputs[0], np.empty((1, 4, 5, 5), np.float32)
    plan.run([x], [y])
    bad: list[tuple[list[Any], list[Any]]] = [
        ([], [y]),
        ([x], []),
        ([x, x], [y]),
        ([x.astype(np.float64)], [y]),
        ([x[:, :2]], [y]),
        ([np.asfortranarray(x)], [y]),
        ([x], [np.empty((1, 4, 5, 10), np.float32)[..., ::2]]),
        (["x"], [y]),
    ]
    for inputs, outputs in bad:
        with pytest.raises(_core.CoreError):
            plan.run(inputs, outputs)
    y.flags.writeable = False
    with pytest.raises(_core.CoreError, match="read-only"):
        plan.run([x], [y])


def test_calls_name_every_array_of_the_plan() -> None:
    net = small()
    plan = net.prepare()
    x, f32 = net.inputs[0], np.dtype(np.float32)
    good, made = ("x", f32, x.shape, 0), ("y", f32, (1, 4, 5, 5), 0)
    unread = ("u", np.dtype(np.int64), (), -1)
    found = _core.Call(plan, [unread, good], [made]).run((np.array(7), x))
    assert found is not None
    y = np.empty((1, 4, 5, 5), np.float32)
    plan.run([x], [y])
    np.testing.assert_array_equal(found["y"], y)
    for inputs, outputs in (
        ([], [made]),
        ([good], []),
        ([good, good], [made]),
        ([("x", f32, x.shape, 1)], [made]),
        ([("x", f32, x.shape, -2)], [made]),
        ([("x", f32, (1, 4, 5, 4), 0)], [made]),
        ([("x", np.dtype(np.float64), x.shape, 0)], [made]),
        ([good], [("y", f32, (1, 4, 5, 5), -1)]),
        ([good], [("y", f32, (1, 4, 5, 6), 0)]),
    ):
        with pytest.raises(_core.CoreError):
            _core.Call(plan, inputs, outputs)


def codebook_net(codes: list[int], gaps: list[int], entries: int = 256) -> Net:
    packed = np.zeros((len(gaps) + 1) // 2, np.uint8)
    for i, gap in enumerate(gaps):
        packed[i // 2] |= gap << (4 * (i % 2))
    codebook = np.arange(entries, dtype=np.float32) + 1
    weight = SparseCodebookWeight((2, 4, 2, 2), codebook, np.array(codes, np.uint8), packed)
    net = Net()
    y = net.image((1, 2, 1, 1))
    net.step(
        "conv", [net.image_input(np.arange(16, dtype=np.float32).reshape(1, 4, 2, 2)), -1, -1, -1], [y], [weight, None]
    )
    net.output(y)
    return net


def test_sparse_codebook() -> None:
    net = codebook_net([3, 0, 255, 0], [2, 15, 0, 5])  # at 2; a filler at 18; at 19; at 25
    (found,) = net.run()
    assert found.ravel().tolist() == [2 * 4, 3 * 256 + 9 * 1]


def test_malformed_sparse_codebook() -> None:
    with pytest.raises(_core.CoreError, match="beyond its last element"):
        codebook_net([1, 1, 1], [15, 14, 2]).run()
    with pytest.raises(_core.CoreError, match="outside of its codebook"):
        codebook_net([9], [0], entries=4).run()
    with pytest.raises(_core.CoreError, match="fewer gaps"):
        codebook_net([1, 2, 3, 4], [1]).run()
