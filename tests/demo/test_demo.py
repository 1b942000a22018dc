"""The network, the pictures and the preparation that the demonstration ships."""

from __future__ import annotations

import os

import numpy as np
import onnx
import pytest

import fastinfer
from assets import DATA, require
from fastinfer import demo
from fastinfer.demo.draw import draw_all
from fastinfer.errors import InputError

LIMIT = 500_000  # bytes that the demonstration may add to the package


def test_samples_are_what_the_project_draws() -> None:
    pictures, labels = demo.samples()
    np.testing.assert_array_equal(pictures, draw_all())
    np.testing.assert_array_equal(labels, np.arange(10))


def test_data_is_small() -> None:
    assert sum(f.stat().st_size for f in demo.MODEL.parent.iterdir() if f.is_file()) < LIMIT


def test_the_network_names_every_sample() -> None:
    pictures, labels = demo.samples()
    model = fastinfer.load(demo.MODEL)
    answers = model(np.concatenate([demo.prepare(p) for p in pictures]))
    np.testing.assert_array_equal(answers.argmax(1), labels)
    np.testing.assert_allclose(answers.sum(1), 1, rtol=10 * np.finfo(np.float32).eps)


def test_the_network_has_the_accuracy_that_it_states() -> None:
    """Over all of the MNIST test set, by onnxruntime, which had no part in the training; and ours agrees with it."""
    stated = {p.key: p.value for p in onnx.load(demo.MODEL).metadata_props}["test_accuracy"]
    assert float(stated) >= 0.993
    with np.load(require(DATA / "mnist.npz")) as file:
        images, labels = file["x_test"][:, None].astype(np.float32) / 255, file["y_test"]
    onnxruntime = pytest.importorskip("onnxruntime")
    session = onnxruntime.InferenceSession(os.fspath(demo.MODEL), providers=["CPUExecutionProvider"])
    expected = np.asarray(session.run(None, {"image": images})[0])
    share = float((expected.argmax(1) == labels).mean())
    # PyTorch's and onnxruntime's roundings may decide a few pictures near a tie differently.
    assert abs(share - float(stated)) <= 5e-4
    actual = fastinfer.load(demo.MODEL)(images[:500])
    np.testing.assert_allclose(actual, expected[:500], atol=1e-4)


@pytest.mark.parametrize("value", [0, 77, 255])
def test_a_blank_picture_is_refused(value: int) -> None:
    with pytest.raises(InputError, match="blank"):
        demo.prepare(np.full((30, 40), value, np.uint8))


def test_an_empty_picture_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        demo.prepare(np.zeros((0, 4, 3), np.uint8))


def test_preparation_ignores_place_size_and_polarity() -> None:
    picture = np.full((60, 50), 255, np.uint8)
    picture[10:50, 20:32] = 0
    expected = np.zeros((28, 28), np.float32)
    expected[4:24, 11:17] = 1  # 40 x 12 becomes 20 x 6
    colours = np.repeat(255 - picture[..., None], 3, axis=2)
    for other in (picture, 255 - picture, np.pad(picture, ((9, 0), (0, 30)), constant_values=255), colours):
        x = demo.prepare(other)
        assert x.shape == (1, 1, 28, 28)
        assert x.dtype == np.float32
        np.testing.assert_allclose(x[0, 0].sum(), expected.sum(), rtol=1e-5)
        np.testing.assert_allclose(x[0, 0], expected, atol=1e-5)


def test_one_row_of_ink() -> None:
    picture = np.zeros((5, 400), np.uint8)
    picture[2, 10:390] = 255
    x = demo.prepare(picture)
    assert x[0, 0].max() <= 1
    assert (x[0, 0].sum(1) > 0).sum() == 1
