"""The normalisations: every row against the float64 reference."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastinfer import _core
from guarded import guarded, guarded_start
from kernel_rows import EPS, F32, Array, Row, assert_within, edge_sizes, rows_of, ulp
from strided_views import output, view


def random(seed: int, *shape: int, mean: float = 0.0) -> Array:
    return np.asarray((np.random.default_rng(seed).standard_normal(shape) + mean).astype(F32))


def reference(function: str, **arguments: Any) -> Any:
    return _core.run_reference("normalize", function=function, **arguments)


def norm_tolerance(x: Array, axes: tuple[int, ...], scale: Array, bias: Array, additions: int, y: Array) -> Array:
    """The mean is rounded once (eps/2 of it), after a second pass over deviations that are summed with eps/2 per
    addition in sequence; the variance errs by that and by three roundings of a square, its root by half as much. The
    deviation, its two factors and the sum round once each.
    """
    wide = x.astype(np.float64)
    mean, std = np.abs(wide.mean(axes, keepdims=True)), wide.std(axes, keepdims=True)
    factor = np.abs(scale) / np.sqrt(std**2 + 1e-5)
    deviation = np.abs(wide - wide.mean(axes, keepdims=True))
    error = mean + additions / 2 * std + deviation * ((additions + 3) / 4 + 2)
    return np.asarray(factor * error * EPS + np.abs(bias) * EPS + ulp(y))


LAYER_ADDITIONS = 64 + 4  # a block of 64 vectors, and the lanes of one; blocks are joined in float64


@rows_of("normalize", function="layer_norm")
@pytest.mark.parametrize("biased", [True, False])
def test_layer_norm_at_the_edges_of_vectors(row: Row, biased: bool) -> None:
    for n in edge_sizes(row):
        for guard in (guarded, guarded_start):
            x, scale, bias = (guard(random(i, *shape)) for i, shape in enumerate([(3, n), (n,), (n,)]))
            y, mean, inv_std = guard(np.zeros((3, n), F32)), guard(np.zeros(3, F32)), guard(np.zeros(3, F32))
            arguments = {"x": x, "y": y, "scale": scale, "bias": bias if biased else None}
            _core.run_kernel(row["name"], mean=mean, inv_std=inv_std, **arguments)
            expected, means, inverses = reference("layer_norm", **arguments)
            shift = bias if biased else np.zeros(n)
            assert_within(y, expected, norm_tolerance(x, (1,), scale, shift, LAYER_ADDITIONS, expected))
            deviation = x.std(1).astype(np.float64)
            assert_within(mean, means, LAYER_ADDITIONS / 2 * EPS * deviation + ulp(means))
            assert_within(inv_std, inverses, (LAYER_ADDITIONS + 5) / 4 * EPS * inverses)


@rows_of("normalize", function="layer_norm")
@pytest.mark.parametrize("mean", [0.0, 1000.0, -3e4])
def test_layer_norm_of_long_rows_far_from_zero(row: Row, mean: float) -> None:
    """E[x^2] - E[x]^2 would lose all of the variance here."""
    x, scale, bias = random(0, 2, 30000, mean=mean), random(1, 30000), random(2, 30000)
    y = np.zeros_like(x)
    _core.run_kernel(row["name"], x=x, y=y, scale=scale, bias=bias)
    expected = reference("layer_norm", x=x, y=y, scale=scale, bias=bias)[0]
    assert_within(y, expected, norm_tolerance(x, (1,), scale, bias, LAYER_ADDITIONS, expected))


@rows_of("normalize", function="layer_norm")
@settings(max_examples=60, deadline=None)
@given(data=st.data(), shape=st.lists(st.sampled_from([1, 2, 3, 5, 17]), min_size=1, max_size=4).map(tuple))
def test_layer_norm_over_any_strides(row: Row, data: st.DataObject, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1), "axis")
    x, n = random(0, *shape), int(np.prod(shape[axis:]))
    scale, bias, dense = random(1, n), random(2, n), np.zeros(shape, F32)
    _core.run_kernel(row["name"], x=x, y=dense, scale=scale, bias=bias, axis=axis)
    out = output(data, shape, F32)
    _core.run_kernel(row["name"], x=view(data, x), y=out.view, scale=scale, bias=bias, axis=axis)
    np.testing.assert_array_equal(out.result(), dense)
    expected = reference("layer_norm", x=x, y=dense, scale=scale, bias=bias)[0]
    axes = tuple(range(axis, len(shape)))
    tolerance = norm_tolerance(
        x, axes, scale.reshape(shape[axis:]), bias.reshape(shape[axis:]), LAYER_ADDITIONS, expected
    )
    assert_within(dense, expected, tolerance)


def instance_additions(x: Array) -> int:
    """Runs of 32 pixels, runs of a row, rows of a chunk; chunks are joined in float64."""
    return int(32 + x.shape[2] / 32 + x.shape[1] + 2)


@rows_of("normalize", function="instance_norm")
def test_instance_norm_at_the_edges_of_vectors(row: Row) -> None:
    for channels in edge_sizes(row):
        for guard in (guarded, guarded_start):
            x = guard(random(0, 2, 5, 7, channels, mean=2))
            scale, bias = guard(random(1, channels)), guard(random(2, channels))
            y = guard(np.zeros(x.shape, F32))
            _core.run_kernel(row["name"], x=x, y=y, scale=scale, bias=bias)
            expected = reference("instance_norm", x=x, y=y, scale=scale, bias=bias)
            tolerance = norm_tolerance(x, (1, 2), scale, bias, instance_additions(x), expected)
            assert_within(y, expected, tolerance)


@rows_of("normalize", function="instance_norm")
@pytest.mark.parametrize("mean", [0.0, 3e4])
@pytest.mark.parametrize("shape", [(2, 130, 90, 8), (1, 1, 20000, 3), (1, 5000, 1, 3), (1, 3, 3, 9000)])
def test_instance_norm_of_several_chunks(row: Row, shape: tuple[int, ...], mean: float) -> None:
    x, scale, bias = random(0, *shape, mean=mean), random(1, shape[3]), random(2, shape[3])
    y = np.zeros_like(x)
    _core.run_kernel(row["name"], x=x, y=y, scale=scale, bias=bias)
    expected = reference("instance_norm", x=x, y=y, scale=scale, bias=bias)
    assert_within(y, expected, norm_tolerance(x, (1, 2), scale, bias, instance_additions(x), expected))


@rows_of("normalize", function="instance_norm")
def test_instance_norm_of_a_constant_is_the_bias(row: Row) -> None:
    x, scale, bias = np.full((1, 40, 40, 5), 0.1, F32), random(0, 5), random(1, 5)
    y = np.zeros_like(x)
    _core.run_kernel(row["name"], x=x, y=y, scale=scale, bias=bias)
    tolerance = np.abs(scale) / np.sqrt(1e-5) * EPS * 0.1  # of a mean that is rounded once
    np.testing.assert_array_less(np.abs(y - bias), np.broadcast_to(tolerance + EPS * np.abs(bias), y.shape))


def lrn_tolerance(x: Array, y: Array, size: int, alpha: float, beta: float, bias: float) -> Array:
    """Each of size squares and additions rounds the base by eps/2, alpha / size and the last sum too; the power turns
    that into beta times as much. Its logarithm (2 ulp) and product err absolutely, its exponential by 2 ulp.
    """
    square = np.pad(x.astype(np.float64) ** 2, ((0, 0),) * 3 + (((size - 1) // 2, size // 2),))
    base = bias + alpha / size * np.lib.stride_tricks.sliding_window_view(square, size, axis=3).sum(-1)
    relative = beta * (size + 4) / 2 + 3 * np.abs(beta * np.log(base)) + 4
    return np.asarray(relative * EPS * np.abs(y) + ulp(y))


@rows_of("normalize", function="lrn")
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 50])
@pytest.mark.parametrize("beta", [0.75, 0.5, 1.0, 0.6])
def test_lrn(row: Row, size: int, beta: float) -> None:
    arguments = {"size": size, "alpha": 0.25, "beta": beta, "bias": 2.0}
    for channels in edge_sizes(row):
        x = random(0, 2, 2, 3, channels) * 4
        y = guarded(np.zeros(x.shape, F32))
        _core.run_kernel(row["name"], x=guarded(x), y=y, **arguments)
        expected = reference("lrn", x=x, y=y, **arguments)
        # The kernel's parameters are float32: so are the tolerance's.
        assert_within(y, expected, lrn_tolerance(x, expected, size, 0.25, float(F32(beta)), 2.0))


@rows_of("normalize", function=("instance_norm", "lrn"))
def test_slices_of_channels_and_in_place(row: Row) -> None:
    """x and y lie in wider pixels; what is beside them (NaN) neither changes nor matters."""
    x = random(0, 2, 6, 7, 21)
    arguments: dict[str, Any] = {"scale": random(1, 21), "bias": random(2, 21)}
    arguments = {"size": 5} if row["function"] == "lrn" else arguments
    whole = np.zeros_like(x)
    _core.run_kernel(row["name"], x=x, y=whole, **arguments)
    wide = np.full((2, 6, 7, 40), np.nan, F32)
    wide[..., 5:26] = x
    _core.run_kernel(row["name"], x=wide[..., 5:26], y=wide[..., 5:26], **arguments)
    np.testing.assert_array_equal(wide[..., 5:26], whole)
    assert np.isnan(wide[..., :5]).all() and np.isnan(wide[..., 26:]).all()


@rows_of("normalize", function="lrn")
def test_a_nan_spoils_only_its_window(row: Row) -> None:
    x = random(0, 1, 1, 2, 40)
    x[0, 0, 0, 20] = np.nan
    y = np.zeros_like(x)
    _core.run_kernel(row["name"], x=x, y=y, size=5)
    assert np.flatnonzero(np.isnan(y)).tolist() == [18, 19, 20, 21, 22]


def test_refusals() -> None:
    x = np.zeros((1, 2, 2, 3), F32)
    with pytest.raises(_core.CoreError, match="size"):
        _core.run_kernel("layer_norm_f32__scalar", x=x, y=x.copy(), scale=np.ones(4, F32))
    with pytest.raises(_core.CoreError, match="axis"):
        _core.run_kernel("layer_norm_f32__scalar", x=x, y=x.copy(), scale=np.ones(3, F32), axis=7)
    with pytest.raises(_core.CoreError, match="size"):
        _core.run_kernel("lrn_f32__scalar", x=x, y=x.copy(), size=0)
