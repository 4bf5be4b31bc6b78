"""The back ends by name; imports nothing heavy."""

from enum import StrEnum


class Device(StrEnum):
    """A back end by name."""

    AUTO = "auto"
    """The best of the others that is there."""

    CPU = "cpu"
    CUDA = "cuda"
    """ONNX Runtime on an NVIDIA GPU."""

    TENSORRT = "tensorrt"
