"""Pickling, forked and spawned children, and calls from several threads."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import fastinfer
from models.small_models import load, picture, two_layers


def _child(model: fastinfer.Model, x: np.ndarray, results: Any) -> None:
    results.put(model(x))


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_children_run_the_model(method: str, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(two_layers(), path)
    m = fastinfer.load(path, threads=2)
    x = picture(1, 3, 8, 8)
    expected = m(x)  # the pool's threads exist before the fork
    context = multiprocessing.get_context(method)
    results = context.Queue()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of forks beside threads, which is the point
        child = context.Process(target=_child, args=(m, x, results))
        child.start()
    np.testing.assert_array_equal(results.get(timeout=60), expected)
    child.join(60)
    assert child.exitcode == 0


def test_a_fork_while_another_thread_makes_plans() -> None:
    """The child's copy of a lock that another thread holds must not block it."""
    m = load(two_layers(), threads=1)
    x = picture(1, 3, 8, 8)
    expected = m(x)
    with m._engines.main._lock:
        child = os.fork()
        if child == 0:
            os._exit(0 if np.array_equal(m(x), expected) else 1)
    assert os.waitpid(child, 0)[1] == 0


def test_pickle_holds_the_bytes_and_the_options(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(two_layers(), path)
    m = fastinfer.load(path, threads=1, isa="scalar")
    x = picture(2, 3, 8, 8)
    data = pickle.dumps(m)
    path.unlink()
    copy = pickle.loads(data)
    assert copy.threads == 1
    np.testing.assert_array_equal(copy(x), m(x))


def test_threads_call_at_once() -> None:
    m = load(two_layers(), threads=2)
    pictures = [picture(1 + i % 3, 3, 6 + i % 5, 8, seed=i) for i in range(8)]
    expected = [m(x) for x in pictures]
    fresh = load(two_layers(), threads=2)  # plans are made while others run
    wrong: list[str] = []

    def work(offset: int) -> None:
        for i in range(48):
            k = (i + offset) % len(pictures)
            if not np.array_equal(fresh(pictures[k]), expected[k]):
                wrong.append(f"picture {k}")

    workers = [threading.Thread(target=work, args=(2 * i,)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


def test_external_data_pickles_by_path(tmp_path: Path) -> None:
    """More than one file: the pickle holds the path, not the bytes."""
    path = tmp_path / "net.onnx"
    onnx.save(two_layers(), path, save_as_external_data=True, location="net.bin", size_threshold=0)
    m = fastinfer.load(path)
    x = picture(1, 3, 8, 8)
    data = pickle.dumps(m)
    assert len(data) < 4 * (8 * 27)
    np.testing.assert_array_equal(pickle.loads(data)(x), m(x))
    path.unlink()
    with pytest.raises(fastinfer.errors.ModelFileNotFoundError):
        pickle.loads(data)
