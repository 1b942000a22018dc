"""The oracle: every operator in clear NumPy, in the element type given (float64 in, float64 computed).

It folds constants at load, and every kernel is tested against it. A function is registered by `@reference("Conv")` as
function(node, *arrays) -> tuple of arrays, absent inputs being None.
"""

from fastinfer.reference import (  # noqa: F401 (they register)
    conv,
    detection,
    eltwise,
    generate,
    index,
    movement,
    normalize,
    pool,
    reduce,
    resize,
)
from fastinfer.reference.registry import FUNCTIONS, evaluate, reference

__all__ = ["FUNCTIONS", "evaluate", "reference"]
