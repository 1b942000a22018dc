"""The Python interface: arguments, refusals, plans and profiles."""

from __future__ import annotations

import json
import pickle
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

import fastinfer
from fastinfer import errors
from models.small_models import load, model_of, picture, two_layers


@pytest.fixture(scope="module")
def model() -> fastinfer.Model:
    return load(two_layers())


def sum_and_product() -> fastinfer.Model:
    nodes = [helper.make_node("Add", ["a", "b"], ["sum"]), helper.make_node("Mul", ["a", "b"], ["product"])]
    return load(model_of(nodes, [("a", ("N", 4)), ("b", ("N", 4))], ["sum", "product"]))


# Arguments


def test_one_output_is_an_array_and_several_a_dict(model: fastinfer.Model) -> None:
    assert model(picture(2, 3, 8, 8)).shape == (2, 5)
    a, b = picture(3, 4), picture(3, 4, seed=1)
    for found in (sum_and_product()(a, b), sum_and_product()(b=b, a=a), sum_and_product()({"a": a, "b": b})):
        assert list(found) == ["sum", "product"]
        np.testing.assert_array_equal(found["sum"], a + b)
        np.testing.assert_array_equal(found["product"], a * b)


def test_inputs_and_outputs_as_declared(model: fastinfer.Model) -> None:
    (x,), (y,) = model.inputs, model.outputs
    assert (x.name, x.shape, x.dtype, x.layout) == ("x", ("N", 3, "H", 8), np.float32, "NCHW")
    assert (y.name, y.dtype, y.layout) == ("y", np.float32, "plain")


def test_sizes_may_change_from_call_to_call(model: fastinfer.Model) -> None:
    for batch, height in ((1, 8), (4, 5), (2, 11), (1, 8)):
        x = picture(batch, 3, height, 8)
        apart = np.concatenate([model(x[i : i + 1]) for i in range(batch)])
        np.testing.assert_array_equal(model(x), apart)


def test_strided_arrays_and_foreign_arrays(model: fastinfer.Model) -> None:
    x = picture(2, 3, 8, 8)
    expected = model(x)
    np.testing.assert_array_equal(model(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(model(picture(2, 3, 8, 8)[::1]), expected)
    np.testing.assert_array_equal(model(memoryview(x)), expected)

    class Interface:
        __array_interface__ = x.__array_interface__

    np.testing.assert_array_equal(model(Interface()), expected)

    class OnlyDLPack:
        def __dlpack__(self, **kwargs: Any) -> Any:
            return x.__dlpack__(**kwargs)

        def __dlpack_device__(self) -> Any:
            return x.__dlpack_device__()

    np.testing.assert_array_equal(model(OnlyDLPack()), expected)
    x.flags.writeable = False
    np.testing.assert_array_equal(model(x), expected)


def test_calls_like_the_last_one(model: fastinfer.Model) -> None:
    x, other = picture(2, 3, 8, 8), picture(2, 3, 8, 8, seed=1)
    expected, of_other = model(x).copy(), model(other)
    first, second = model(x), model(x)
    assert first.flags.owndata and first.flags.writeable and not np.shares_memory(first, second)
    first[:] = 9
    np.testing.assert_array_equal(second, expected)
    np.testing.assert_array_equal(model(pickle.loads(pickle.dumps(x))), expected)
    np.testing.assert_array_equal(model(x=x), expected)
    np.testing.assert_array_equal(model({"x": x}), expected)
    np.testing.assert_array_equal(model.run({"x": x})["y"], expected)
    np.testing.assert_array_equal(model(np.asfortranarray(x)), expected)
    np.testing.assert_array_equal(model(x.view(np.recarray)), expected)
    np.testing.assert_array_equal(model(other), of_other)


def test_calls_unlike_the_last_one_are_refused_by_kind(model: fastinfer.Model) -> None:
    x = picture(2, 3, 8, 8)
    unlike: list[tuple[tuple[Any, ...], type[Exception]]] = [
        ((), errors.InputError),
        ((x, x), errors.InputError),
        ((None,), errors.InputError),
        ((x.astype(">f4"),), errors.DTypeError),
        ((x.view(np.int32),), errors.DTypeError),
        ((x.reshape(2, 3, 64),), errors.ShapeError),
        ((x[:, :2],), errors.ShapeError),
    ]
    for arguments, kind in unlike:
        expected = model(x)
        with pytest.raises(kind):
            model(*arguments)
        np.testing.assert_array_equal(model(x), expected)


def test_an_input_that_nothing_reads_is_still_checked() -> None:
    m = load(model_of([helper.make_node("Relu", ["a"], ["y"])], [("b", (2,)), ("a", (3,))], ["y"]))
    a, b = picture(3), picture(2)
    for _ in range(2):
        np.testing.assert_array_equal(m(b, a), np.maximum(a, 0))
        with pytest.raises(errors.ShapeError):
            m(a, a)


def test_outputs_in_the_order_of_the_file() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["z"]), helper.make_node("Neg", ["x"], ["a"])]
    m, x = load(model_of(nodes, [("x", (5,))], ["z", "a"])), picture(5)
    for _ in range(2):
        found = m(x)
        assert list(found) == ["z", "a"]
        np.testing.assert_array_equal(found["z"], np.maximum(x, 0))
        np.testing.assert_array_equal(found["a"], -x)


def test_data_that_make_a_run_fail_name_node_and_file_at_each_call() -> None:
    indices = helper.make_tensor_value_info("i", TensorProto.INT64, (2,))
    model = model_of([helper.make_node("Gather", ["x", "i"], ["y"], "pick")], [("x", (3,))], ["y"])
    model.graph.input.append(indices)
    m, x = load(model), picture(3)
    np.testing.assert_array_equal(m(x, np.array([2, 0])), x[[2, 0]])
    for _ in range(2):
        with pytest.raises(errors.FastinferError) as caught:
            m(x, np.array([3, 0]))
        assert caught.value.node == "pick"


def test_outputs_belong_to_the_caller() -> None:
    nodes = [helper.make_node("Identity", ["x"], ["y"]), helper.make_node("Identity", ["w"], ["z"])]
    m = load(model_of(nodes, [("x", (3,))], ["y", "z"], {"w": np.ones(2)}))
    x = picture(3)
    kept = x.copy()
    m(x)["y"][:] = 9
    m(x)["z"][:] = 9
    np.testing.assert_array_equal(x, kept)
    np.testing.assert_array_equal(m(x)["z"], [1, 1])


@pytest.mark.parametrize(
    ("arguments", "named", "kind"),
    [
        ((), {}, errors.InputError),
        ((None,), {}, errors.InputError),
        (("text",), {}, errors.InputError),
        ((object(),), {}, errors.InputError),
        ((picture(1, 3, 8, 8), picture(1, 3, 8, 8)), {}, errors.InputError),
        ((), {"wrong": picture(1, 3, 8, 8)}, errors.InputError),
        ((picture(1, 3, 8, 8),), {"x": picture(1, 3, 8, 8)}, errors.InputError),
        ((picture(1, 3, 8, 8).astype(np.float64),), {}, errors.DTypeError),
        ((picture(1, 3, 8, 8).astype(">f4"),), {}, errors.DTypeError),
        (([[1.0]],), {}, errors.DTypeError),
        ((3.0,), {}, errors.DTypeError),
        ((picture(3, 8, 8),), {}, errors.ShapeError),
        ((picture(1, 4, 8, 8),), {}, errors.ShapeError),
        ((picture(1, 3, 8, 9),), {}, errors.ShapeError),
    ],
)
def test_wrong_inputs_are_refused_by_kind(
    model: fastinfer.Model, arguments: tuple[Any, ...], named: dict[str, Any], kind: type[Exception]
) -> None:
    with pytest.raises(kind):
        model(*arguments, **named)


def test_named_dimensions_agree_between_inputs() -> None:
    with pytest.raises(errors.ShapeError, match="N is 2"):
        sum_and_product()(picture(2, 4), picture(3, 4))


@pytest.mark.parametrize(
    "options",
    [
        {"threads": 0},
        {"threads": -1},
        {"threads": 1.5},
        {"threads": True},
        {"threads": "2"},
        {"threads": 10**9},
        {"memory_limit": 0},
        {"memory_limit": "1G"},
        {"weights": "sparse"},
        {"weights": None},
        {"algorithm": 3},
        {"algorithm": {"conv": 3}},
        {"isa": 3},
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(errors.ArgumentError):
        load(two_layers(), **options)


def test_unknown_isa_and_unusable_memory_limit() -> None:
    with pytest.raises(errors.IsaError, match="mmx"):
        load(two_layers(), isa="mmx")
    with pytest.raises(errors.MemoryLimitError):
        load(two_layers(), memory_limit=1)(picture(1, 3, 8, 8))


def test_threads_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTINFER_NUM_THREADS", "3")
    assert load(two_layers()).threads == 3
    assert load(two_layers(), threads=2).threads == 2
    monkeypatch.setenv("FASTINFER_NUM_THREADS", "many")
    with pytest.raises(errors.ArgumentError, match="FASTINFER_NUM_THREADS"):
        load(two_layers())


# A batch that the exporter wrote into the file


def test_a_model_for_one_sample_takes_several() -> None:
    m = load(two_layers(batch=1))
    x = picture(3, 3, 8, 8)
    apart = np.concatenate([m(x[i : i + 1]) for i in range(3)])
    np.testing.assert_array_equal(m(x), apart)
    assert m.plan((3, 3, 8, 8)).rows[0].shape[0] == 3


def test_a_model_that_mixes_samples_takes_one() -> None:
    m = load(model_of([helper.make_node("Softmax", ["x"], ["y"], axis=0)], [("x", (1, 4))], ["y"]))
    m(picture(1, 4))
    with pytest.raises(errors.ShapeError, match="batch of 1"):
        m(picture(2, 4))


def test_a_named_batch_with_shapes_baked_in() -> None:
    nodes = [helper.make_node("Reshape", ["x", "s"], ["r"]), helper.make_node("Relu", ["r"], ["y"])]
    proto = model_of(nodes, [("x", ("N", 4, 2))], ["y"])
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1, 8]), "s"))
    x = picture(3, 4, 2)
    np.testing.assert_array_equal(load(proto)(x), np.maximum(x.reshape(3, 8), 0))


# Values that feed shapes, sizes that depend on data


def test_plans_follow_the_values_that_feed_shapes() -> None:
    proto = model_of([helper.make_node("Reshape", ["x", "s"], ["y"])], [("x", (2, 6))], ["y"])
    proto.graph.input.append(helper.make_tensor_value_info("s", TensorProto.INT64, (2,)))
    m = load(proto)
    x = picture(2, 6)
    for shape in ((3, 4), (12, 1), (3, 4), (-1, 2)):
        np.testing.assert_array_equal(m(x, np.array(shape)), x.reshape(shape))
    with pytest.raises(errors.ShapeError):
        m(x, np.array([5, 5]))


def test_a_shape_computed_from_data_splits_the_plan() -> None:
    """The number of positives of x says how many leading elements of it are kept."""
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("NonZero", ["r"], ["where"]),
        helper.make_node("Shape", ["where"], ["shape"], start=1),
        helper.make_node("Slice", ["r", "zero", "shape"], ["kept"]),
        helper.make_node("Neg", ["kept"], ["y"]),
    ]
    proto = model_of(nodes, [("x", (10,))], ["y"])
    proto.graph.initializer.append(numpy_helper.from_array(np.array([0]), "zero"))
    m = load(proto)
    for seed in range(4):
        x = picture(10, seed=seed)
        expected = -np.maximum(x, 0)[: np.count_nonzero(x > 0)]
        np.testing.assert_array_equal(m(x), expected)
    rows = m.plan(x).rows
    assert [row.operator for row in rows].count("unary") == 2
    assert [row.group for row in rows] == list(range(len(rows)))  # counted on from stage to stage


def test_a_value_computed_by_many_elements_is_run_first() -> None:
    """The sum of a large input, rounded, is how often another is repeated."""
    nodes = [
        helper.make_node("ReduceSum", ["x"], ["total"], keepdims=0),
        helper.make_node("Cast", ["total"], ["count"], to=TensorProto.INT64),
        helper.make_node("Reshape", ["count", "one"], ["counts"]),
        helper.make_node("Tile", ["z", "counts"], ["y"]),
    ]
    proto = model_of(nodes, [("x", (5000,)), ("z", (2,))], ["y"])
    proto.graph.initializer.append(numpy_helper.from_array(np.array([1]), "one"))
    m = load(proto)
    x = np.zeros(5000, np.float32)
    for count in (3, 1, 3):
        x[:count] = 1
        x[count:] = 0
        np.testing.assert_array_equal(m(x, np.array([1, 2], np.float32)), np.tile(np.float32([1, 2]), count))


# Plans and profiles


def test_plan_is_a_table(model: fastinfer.Model) -> None:
    table = model.plan((2, 3, 6, 8))
    conv = next(row for row in table.rows if row.operator == "conv")
    assert conv.macs == 2 * 6 * 8 * 8 * 27
    assert conv.shape == (2, 8, 6, 8)
    assert conv.kernel
    assert conv.why
    assert json.loads(table.to_json())["macs"] == table.macs
    for word in (conv.kernel, conv.algorithm, "why", f"{conv.macs:,}"):
        assert word in str(table)
    with pytest.raises(errors.ArgumentError, match="H"):
        model.plan()


def test_profile_adds_up(model: fastinfer.Model) -> None:
    table = model.profile(picture(1, 3, 8, 8), runs=5)
    assert table.runs == 5
    assert len(table.rows) == len(model.plan((1, 3, 8, 8)))
    assert sum(row.share for row in table.rows) == pytest.approx(1, abs=0.6)  # medians of steps and of whole runs
    conv = next(row for row in table.rows if row.operator == "conv")
    assert conv.gmacs == pytest.approx(8 * 8 * 8 * 27 / conv.seconds * 1e-9)
    assert conv.peak is not None
    assert 0 < conv.peak < 1.5
    assert json.loads(table.to_json())["runs"] == 5
    assert "measured peak" in str(table)
    for runs in (0, -1, 2.5, True):
        with pytest.raises(errors.ArgumentError):
            model.profile((1, 3, 8, 8), runs=runs)  # type: ignore[arg-type]


def test_memory_counts_weights_and_plans() -> None:
    m = load(two_layers())
    before = m.memory()
    assert before["weights_stored"] == 4 * (8 * 27 + 8 + 40)
    m(picture(1, 3, 8, 8))
    one = m.memory()
    assert one["plans"] == 1
    assert one["packed_bytes"] > 0
    assert 0 < one["arena_bytes"] <= one["unshared_bytes"]
    m(picture(3, 3, 9, 8))
    more = m.memory()
    assert more["plans"] == 2 and more["arena_bytes"] > one["arena_bytes"]


def test_packed_weights_count_once_however_many_plans_share_them() -> None:
    m = load(two_layers(), algorithm="im2col")
    m(picture(1, 3, 8, 8))
    packed = m.memory()["packed_bytes"]
    m(picture(1, 3, 9, 8))
    assert m.memory()["plans"] == 2
    assert m.memory()["packed_bytes"] == packed


def test_an_algorithm_may_be_demanded() -> None:
    m = load(two_layers(), algorithm="im2col")
    conv = next(row for row in m.plan((1, 3, 8, 8)).rows if row.operator == "conv")
    assert conv.algorithm == "im2col"
    np.testing.assert_allclose(m(picture(1, 3, 8, 8)), load(two_layers())(picture(1, 3, 8, 8)), rtol=1e-5)
