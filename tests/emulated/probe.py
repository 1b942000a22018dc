"""Runs in the emulated Python: prints as JSON what the processor shows, and which tiers a whole network took."""

from __future__ import annotations

import json

import numpy as np

import fastinfer
from fastinfer import _core, demo


def tiers_of(model: fastinfer.Model) -> list[str]:
    kernels = {row.kernel for row in model.plan().rows}
    return sorted({kernel.rpartition("__")[2] for kernel in kernels if "__" in kernel})


def main() -> None:
    pictures, labels = demo.samples()
    x = np.concatenate([demo.prepare(picture) for picture in pictures])
    config = fastinfer.build_config()
    seen = {
        "features": sorted(config["features"]),
        "tiers": config["tiers_usable"],
        "kernels": [row["name"] for row in _core.kernels()],
    }
    for key, isa in (("taken", None), ("taken_if_scalar", "scalar")):
        model = fastinfer.load(demo.MODEL, isa=isa)
        assert np.array_equal(model(x).argmax(1), labels), f"the network's answers are wrong under isa={isa}"
        seen[key] = tiers_of(model)
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
