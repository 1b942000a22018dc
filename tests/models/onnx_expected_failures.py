"""ONNX node tests that fastinfer.backend does not pass: by name, what happens instead and why.

What happens is the name of the exception, or "differs" where the answer is another one. A test that is not here and
fails, and one that is here and passes or fails in another way, both fail the suite.
"""

from __future__ import annotations

TRAINING = ("UnsupportedOperatorError", "training mode; networks are run here, not trained")
SPATIAL = ("UnsupportedOperatorError", "convolutions have 1 or 2 spatial axes")
F64 = ("DTypeError", "matrix products are computed in f32; f64 is for arithmetic and data movement")
ALIGN_CORNERS = (
    "differs",
    "the expected coordinates divide by a fractional scale * length, less 1; fastinfer divides by the output's length, "
    "less 1, as do the standard's text and onnxruntime",
)

EXPECTED_FAILURES: dict[str, tuple[str, str]] = {
    "test_batchnorm_epsilon_training_mode": TRAINING,
    "test_batchnorm_example_training_mode": TRAINING,
    "test_training_dropout": TRAINING,
    "test_training_dropout_default": TRAINING,
    "test_training_dropout_default_mask": TRAINING,
    "test_training_dropout_mask": TRAINING,
    "test_training_dropout_zero_ratio": TRAINING,
    "test_training_dropout_zero_ratio_mask": TRAINING,
    "test_convtranspose_3d": SPATIAL,
    "test_flexattention_double_expanded_ver26": F64,
    "test_resize_downsample_scales_cubic_align_corners": ALIGN_CORNERS,
    "test_resize_downsample_scales_linear_align_corners": ALIGN_CORNERS,
    "test_attention_4d_causal_fp16_expanded": (
        "differs",
        "one float16 ulp on 2 of 192 elements: float16 chains are computed in f32",
    ),
}
