"""The process-wide thread pool: each task once, nested and concurrent calls, forked children, clean exit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from fastinfer import _core

pytestmark = pytest.mark.portable


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
@pytest.mark.parametrize("tasks", [0, 1, 2, 7, 1000])
def test_each_task_once(threads: int, tasks: int) -> None:
    workers, counts = _core._pool_run(threads, tasks)
    assert np.array_equal(counts, np.ones(tasks))
    assert np.all((workers >= 0) & (workers < threads))


def workers_seen(threads: int) -> set[int]:
    """Numbers of the workers that took part in some calls; on a crowded machine one may come late to each."""
    seen: set[int] = set()
    for _ in range(50):
        workers, _ = _core._pool_run(threads, 30, microseconds=1000)
        seen.update(workers.tolist())
        if len(seen) == threads:
            break
    return seen


def test_work_is_shared() -> None:
    assert workers_seen(3) == {0, 1, 2}


def test_nested_calls_run_on_their_own_caller() -> None:
    _, counts = _core._pool_run(3, 20, inner=5)
    assert np.array_equal(counts, np.full(20, 5))


def test_workers_take_on_the_callers_floating_point_mode() -> None:
    *inside, after = _core._pool_flushing(3, 50)
    assert all(inside)
    assert not after


def test_after_a_pause_the_parked_workers_wake() -> None:
    for pause in (0, 0.0001, 0.0003, 0.01):
        for _ in range(5):
            time.sleep(pause)
            _, counts = _core._pool_run(4, 100)
            assert counts.sum() == 100


def test_idle_workers_do_not_burn_the_processor() -> None:
    _core._pool_run(2, 10)
    before = time.process_time()
    time.sleep(0.2)
    assert time.process_time() - before < 0.1


def test_four_python_threads_at_once() -> None:
    failures: list[int] = []

    def hammer() -> None:
        for i in range(200):
            _, counts = _core._pool_run(2, 50, inner=i % 3, microseconds=0)
            if counts.sum() != 50 * max(i % 3, 1):
                failures.append(i)

    callers = [threading.Thread(target=hammer) for _ in range(4)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join(60)
        assert not caller.is_alive()
    assert failures == []


def _run_in_fork() -> None:
    """Forks; the child uses the pool and says by its exit status whether that worked."""
    child = os.fork()
    if child == 0:
        started = _core._pool_started()
        _, counts = _core._pool_run(3, 30)
        os._exit(0 if started == 0 and counts.sum() == 30 and workers_seen(3) == {0, 1, 2} else 1)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            assert os.waitstatus_to_exitcode(status) == 0
            return
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    pytest.fail("the child hangs")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_forked_child_has_a_pool_of_its_own() -> None:
    _core._pool_run(3, 30)
    assert _core._pool_started() >= 2
    _run_in_fork()
    _, counts = _core._pool_run(3, 30)
    assert counts.sum() == 30


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this platform")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*:DeprecationWarning")
def test_fork_while_the_pool_is_busy() -> None:
    busy = threading.Thread(target=lambda: _core._pool_run(3, 300, microseconds=1000))
    busy.start()
    time.sleep(0.01)
    _run_in_fork()
    busy.join()


def test_the_interpreter_exits_with_workers_parked_or_spinning() -> None:
    code = "from fastinfer import _core; _core._pool_run(4, 100); print('done')"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stdout) == (0, "done\n"), result.stderr


# Who does what


def test_even_tasks_are_split_side_by_side() -> None:
    """On a crowded machine a worker may come late and lose tasks, but not every time."""
    tries = (_core._pool_run(2, 8, microseconds=5000)[0].tolist() for _ in range(20))
    assert [0, 0, 0, 0, 1, 1, 1, 1] in tries


def test_tasks_of_a_worker_that_is_held_up_are_taken_by_others() -> None:
    workers, counts = _core._pool_run(2, 8, microseconds=1000, first=500_000)
    assert counts.sum() == 8
    assert (workers[1:] != workers[0]).all()


def test_every_call_of_many_is_joined() -> None:
    assert (_core._pool_seconds(3, 2000) > 0).all()
