"""Shape and element-type inference: every rule works on concrete integer shapes.

    types = infer_node(node, {"x": TensorType(DType.F32, (1, 3, 224, 224)), ...}, value_of)

A rule is registered by `@infer("Conv")` as function(node, context) -> list[TensorType].
"""

from fastinfer.graph.infer import conv, eltwise, generate, index, movement, normalize, pool, reduce  # noqa: F401 (they register)
from fastinfer.graph.infer.context import Context, NeedRun, NeedValue
from fastinfer.graph.infer.registry import ELEMENT_LIMIT, RULES, infer, infer_node

__all__ = ["ELEMENT_LIMIT", "RULES", "Context", "NeedRun", "NeedValue", "infer", "infer_node"]
