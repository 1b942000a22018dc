"""The emulated processors: what each has, and what fastinfer must see and take there.

Every processor runs the kernel tests by every row of its SIMD tiers, and whole networks (folder emulated) on all tiers.
For the sake of time two things run on one processor of several: kernel tests of portable rows and of code that has no
tiers, which is the same on all, on one of each architecture; and each of the other folders, which the machine itself
runs as well, on one ARM64 processor. run.py --everything runs all on all.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

EVERYWHERE = ("demo", "emulated", "kernels")
# Of the sources and of torch: no matter of the processor.
NOWHERE = ("codebase", "train")


@dataclass(frozen=True)
class Processor:
    name: str
    arch: str  # aarch64 or x86_64
    qemu: str  # its name for QEMU_CPU
    features: frozenset[str]  # as build_config() names them
    takes: str  # the tier of a float32 network's kernels
    folders: tuple[str, ...]  # of tests/; none: only asked what it sees
    elsewhere: tuple[str, ...] = ()  # tiers whose kernels another processor tests

    def with_everything(self) -> Processor:
        """It runs every folder that some processor runs, and every row."""
        folders = sorted({folder for processor in PROCESSORS for folder in processor.folders})
        return replace(self, folders=tuple(folders), elsewhere=())


# pauth slows newer Pythons down seven times, SME makes OpenBLAS complain; neither says anything of fastinfer.
PROCESSORS = (
    Processor(
        name="cortex-a53",
        arch="aarch64",
        qemu="cortex-a53",
        features=frozenset({"neon"}),
        takes="neon",
        folders=(*EVERYWHERE, "hostile", "file"),
    ),
    Processor(
        name="cortex-a76",
        arch="aarch64",
        qemu="cortex-a76",
        features=frozenset({"neon", "neon_fp16", "neon_dot"}),
        takes="neon",
        folders=(*EVERYWHERE, "cli", "graph", "compress"),
        elsewhere=("scalar",),
    ),
    Processor(
        name="armv8-i8mm",
        arch="aarch64",
        qemu="max,sve=off,pauth=off,sme=off",
        features=frozenset({"neon", "neon_fp16", "neon_dot", "neon_i8mm", "neon_bf16"}),
        takes="neon",
        folders=(*EVERYWHERE, "models", "passes", "plan"),
        elsewhere=("scalar",),
    ),
    Processor(
        name="armv9-sve2",
        arch="aarch64",
        qemu="max,pauth=off,sme=off",
        features=frozenset({"neon", "neon_fp16", "neon_dot", "neon_i8mm", "neon_bf16", "sve", "sve2"}),
        takes="neon",
        folders=(),
    ),
    Processor(
        name="nehalem",
        arch="x86_64",
        qemu="Nehalem",
        features=frozenset(),
        takes="scalar",
        folders=EVERYWHERE,
    ),
    Processor(
        name="x86-avx2",
        arch="x86_64",
        qemu="max",
        features=frozenset({"avx2", "fma", "f16c"}),
        takes="avx2",
        folders=EVERYWHERE,
        elsewhere=("scalar",),
    ),
)
