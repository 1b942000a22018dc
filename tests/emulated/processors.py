"""The emulated processors: what each has, and what fastinfer must see and take there."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Processor:
    name: str
    arch: str  # aarch64 or x86_64
    qemu: str  # its name for QEMU_CPU
    features: frozenset[str]  # as build_config() names them
    tiers: tuple[str, ...]  # usable, weakest first
    takes: str  # the tier of a float32 network's kernels
    tests: bool = True  # False: only asked what it sees


# pauth slows newer Pythons down seven times, SME makes OpenBLAS complain; neither says anything of fastinfer.
PROCESSORS = (
    Processor("cortex-a53", "aarch64", "cortex-a53", frozenset({"neon"}), ("scalar", "neon"), "neon"),
    Processor(
        "cortex-a76", "aarch64", "cortex-a76", frozenset({"neon", "neon_fp16", "neon_dot"}), ("scalar", "neon"), "neon"
    ),
    Processor(
        "armv8-i8mm",
        "aarch64",
        "max,sve=off,pauth=off,sme=off",
        frozenset({"neon", "neon_fp16", "neon_dot", "neon_i8mm", "neon_bf16"}),
        ("scalar", "neon"),
        "neon",
    ),
    Processor(
        "armv9-sve2",
        "aarch64",
        "max,pauth=off,sme=off",
        frozenset({"neon", "neon_fp16", "neon_dot", "neon_i8mm", "neon_bf16", "sve", "sve2"}),
        ("scalar", "neon"),
        "neon",
        tests=False,
    ),
    Processor("nehalem", "x86_64", "Nehalem", frozenset(), ("scalar",), "scalar"),
    Processor("x86-avx2", "x86_64", "max", frozenset({"avx2", "fma", "f16c"}), ("scalar", "avx2"), "avx2"),
)
