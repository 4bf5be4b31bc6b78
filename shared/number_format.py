"""Number formats in which networks run."""

from enum import StrEnum


class NumberFormat(StrEnum):
    """Of weights and of what convolutions give; a bundle's tensors are float32 in any."""

    FLOAT32 = "fp32"
    FLOAT16 = "fp16"
    BFLOAT16 = "bf16"
