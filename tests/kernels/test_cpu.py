"""What the core knows of the machine: tiers and their cap, usable processors, thread settings, caches."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codebase.project import tier_features, tiers
from fastinfer import _core


def ask(code: str, **environment: str) -> str:
    """Runs Python code in a process of its own, and returns what it prints, or the last line of its error."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("FASTINFER_")} | environment
    command = [sys.executable, "-c", "from fastinfer import _core; c = _core.build_config()\n" + code]
    result = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=60, check=False)
    return result.stdout.strip() if result.returncode == 0 else result.stderr.strip().splitlines()[-1]


def test_build_config() -> None:
    config = _core.build_config()
    assert "scalar" in config["tiers_usable"]
    assert set(config["tiers_usable"]) <= set(config["tiers_compiled"])
    assert set(config["tiers_not_usable"]).isdisjoint(config["tiers_usable"])
    assert all(config["tiers_not_usable"].values())
    assert set(config["cache_bytes"]) == {"l1d", "l2", "l3"}
    assert 16 << 10 <= config["cache_bytes"]["l1d"] < config["cache_bytes"]["l2"] <= 32 << 20
    assert config["threads"] >= 1


@pytest.mark.native
@pytest.mark.skipif(not Path("/proc/cpuinfo").exists(), reason="no /proc/cpuinfo to compare with")
def test_features_agree_with_the_kernels() -> None:
    words = set(Path("/proc/cpuinfo").read_text().replace("_", "").split())
    aliases = {"neon": "asimd", "neonfp16": "asimdhp", "neondot": "asimddp", "neoni8mm": "i8mm", "neonbf16": "bf16"}
    for feature in _core.build_config()["features"]:
        plain = feature.replace("_", "")
        assert aliases.get(plain, plain) in words


def test_no_tier_is_usable_beyond_the_features() -> None:
    """What a tier needs, as its tier.h says; the kernels of the other tiers are refused one by one."""
    config = _core.build_config()
    for tier in config["tiers_compiled"]:
        lacking = tier_features(tier) - set(config["features"])
        assert (tier in config["tiers_usable"]) == (not lacking), f"{tier}: {lacking}"
    for row in _core.kernels():
        assert row["usable"] == (row["tier"] in config["tiers_usable"]), row["name"]


@pytest.mark.parametrize("tier", tiers())
def test_cap_takes_effect(tier: str) -> None:
    """Tiers, kernels and what a whole network takes stay within the tier's closure."""
    if tier not in _core.build_config()["tiers_usable"]:
        printed = ask("", FASTINFER_ISA=tier)
        assert tier in printed
        assert "cannot be used here" in printed
        pytest.skip(f"tier {tier} is not usable here; its refusal was tested")
    code = """
import fastinfer, fastinfer.demo
print(*c['tiers_usable'])
print(*{k['tier'] for k in _core.kernels() if k['usable']})
print(*{row.kernel for row in fastinfer.load(fastinfer.demo.MODEL).plan().rows})
"""
    usable, rows, taken = (set(line.split()) for line in ask(code, FASTINFER_ISA=tier).splitlines())
    assert usable == {t for t in _core.build_config()["tiers_usable"] if tier_features(t) <= tier_features(tier)}
    assert rows <= usable
    assert {kernel.rpartition("__")[2] for kernel in taken if "__" in kernel} == {tier}


def test_cap_says_why() -> None:
    for tier in _core.build_config()["tiers_compiled"][1:]:
        why = ask(f"print(c['tiers_not_usable']['{tier}'])", FASTINFER_ISA="scalar")
        assert "FASTINFER_ISA=scalar" in why or "lacks" in why


def test_unknown_tier_is_an_error() -> None:
    message = ask("", FASTINFER_ISA="avx1024")
    assert "CoreError" in message
    assert "avx1024" in message
    with pytest.raises(_core.CoreError) as caught:
        _core.measure_peak("fma", isa="sse9")
    assert caught.value.kind == "isa"


def test_a_model_cannot_lift_the_cap() -> None:
    best = _core.build_config()["tiers_usable"][-1]
    if best == "scalar":
        pytest.skip("only the portable tier is usable here")
    message = ask(f"_core.measure_peak('fma', isa='{best}')", FASTINFER_ISA="scalar")
    assert "CoreError" in message
    assert "FASTINFER_ISA" in message


@pytest.mark.native
@pytest.mark.parametrize("threads", ["1", "3", "256"])
def test_number_of_threads(threads: str) -> None:
    assert ask("print(c['threads'])", FASTINFER_NUM_THREADS=threads) == threads


@pytest.mark.native
@pytest.mark.parametrize("threads", ["0", "-1", "two", "1.5", "257", "99999999999999999999"])
def test_bad_number_of_threads(threads: str) -> None:
    message = ask("", FASTINFER_NUM_THREADS=threads)
    assert "CoreError" in message
    assert threads in message


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="no scheduling affinity on this platform")
def test_affinity_bounds_the_threads() -> None:
    code = "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); print(_core.build_config()['cpus'])"
    assert ask(code) == "1"


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_quota_of_cgroup_v2(tmp_path: Path) -> None:
    write(tmp_path / "a" / "b", cpu__max="max 100000\n")
    write(tmp_path / "a", cpu__max="150000 100000\n")
    assert _core._cgroup_quota(str(tmp_path), "0::/a/b\n") == 1.5
    assert _core._cgroup_quota(str(tmp_path), "0::/elsewhere\n") == float("inf")
    write(tmp_path, cpu__max="50000 100000\n")
    assert _core._cgroup_quota(str(tmp_path), "0::/a/b\n") == 0.5


def test_quota_of_cgroup_v1(tmp_path: Path) -> None:
    group = tmp_path / "cpu,cpuacct" / "box"
    write(group, cpu__cfs_quota_us="400000\n", cpu__cfs_period_us="100000\n")
    lines = "5:memory:/box\n4:cpu,cpuacct:/box\n0::/\n"
    assert _core._cgroup_quota(str(tmp_path), lines) == 4
    write(group, cpu__cfs_quota_us="-1\n")
    assert _core._cgroup_quota(str(tmp_path), lines) == float("inf")


def test_malformed_cgroup_files_mean_no_quota(tmp_path: Path) -> None:
    for text in ("", "100", "100 0", "max", "garbage 100000"):
        write(tmp_path, cpu__max=text)
        assert _core._cgroup_quota(str(tmp_path), "0::/\nnonsense\n") == float("inf"), text
