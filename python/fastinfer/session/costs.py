"""What the core's cost model says of layouts, for the pass that decides on them."""

from __future__ import annotations

from fastinfer import _core
from fastinfer.passes.planar import ConvQuery, PoolQuery
from fastinfer.session.options import Options


class CoreLayoutCosts:
    """Estimates of the kernels that these options allow. An algorithm that the caller asks for
    rules out the layout that it is not for."""

    def __init__(self, options: Options) -> None:
        self._isa = options.isa
        self._algorithms = dict(options.algorithms)

    def conv(self, step: str, query: ConvQuery) -> tuple[float, float]:
        """Cycles in NHWC and planar; infinity where no kernel can, or may."""
        window = query.window
        return _core.conv_cycles(
            x=query.x,
            y=query.y,
            groups=query.groups,
            kernel=window.kernel,
            strides=window.strides,
            dilations=window.dilations,
            pads=window.pad_begin,
            density=query.density,
            block_outputs=query.block_outputs,
            isa=self._isa,
            forced=self._algorithms.get(step) or self._algorithms.get("*", ""),
        )

    def pool(self, query: PoolQuery) -> tuple[float, float]:
        """Cycles in NHWC and planar."""
        window = query.window
        return _core.pool_cycles(
            x=query.x,
            y=query.y,
            kernel=window.kernel,
            strides=window.strides,
            dilations=window.dilations,
            pads=window.pad_begin,
            isa=self._isa,
        )

    def copy(self, size: int) -> float:
        """Cycles of a change of layout of so many bytes."""
        return _core.layout_cycles(size, self._isa)
