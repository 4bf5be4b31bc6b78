"""`python -m export person-network`: MediaPipe's file of weights as `PersonNetwork` reads it."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import tflite
import typer
from numpy.typing import NDArray
from rich.console import Console
from torch import nn

from export.networks.person import WEIGHTS_PATH, PersonNetwork
from shared.errors import ArtifactError

MODEL_SHA256 = "9ee168ec7c8f2a16c56fe8e1cfbc514974cbbb7e434051b455635f1bd1462f5c"
"""Of MediaPipe 0.10.21's selfie_segmentation.tflite."""

_DEQUANTIZE = tflite.BuiltinOperator.DEQUANTIZE
_CONVOLUTIONS = (
    tflite.BuiltinOperator.CONV_2D,
    tflite.BuiltinOperator.DEPTHWISE_CONV_2D,
    tflite.BuiltinOperator.CUSTOM,  # Convolution2DTransposeBias, the only one
)


def command(
    model: Annotated[Path, typer.Option(help="MediaPipe 0.10.21's selfie_segmentation.tflite.")],
    out: Annotated[Path, typer.Option(help="File to write.")] = WEIGHTS_PATH,
) -> None:
    """Write the weights of the network that knows what belongs to a person."""
    weights = person_weights(model)
    with out.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **weights)
    PersonNetwork.load(out)
    Console(stderr=True).print(f"{out}: {out.stat().st_size} bytes")


def person_weights(model: Path) -> dict[str, NDArray[np.float16]]:
    """State of a `PersonNetwork` by name. Raises ArtifactError for another file than that one."""
    try:
        content = model.read_bytes()
    except OSError as err:
        raise ArtifactError(f"{model}: {err.strerror}, a model file is expected") from err
    digest = hashlib.sha256(content).hexdigest()
    if digest != MODEL_SHA256:
        raise ArtifactError(
            f"{model}: SHA-256 {digest[:16]}, MediaPipe 0.10.21's selfie_segmentation.tflite with "
            f"{MODEL_SHA256[:16]} is expected"
        )
    layers = [
        (name, layer)
        for name, layer in PersonNetwork().named_modules()
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d)
    ]
    weights = {}
    for (name, layer), (kernel, bias) in zip(layers, _convolutions(content), strict=True):
        # Theirs: (out, height, width, in); a depthwise one's (1, height, width, out).
        by_output = kernel.shape[0] == layer.out_channels and isinstance(layer, nn.Conv2d)
        weights[f"{name}.weight"] = kernel.transpose((0, 3, 1, 2) if by_output else (3, 0, 1, 2))
        weights[f"{name}.bias"] = bias
    return weights


def _convolutions(content: bytes) -> Iterator[tuple[NDArray[np.float16], NDArray[np.float16]]]:
    """Kernel and bias of each convolution, in the order of running."""
    model = tflite.Model.GetRootAsModel(content, 0)
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(index) for index in range(model.OperatorCodesLength())]
    halves: dict[int, int] = {}  # tensor in float32 -> the one in float16 that it is made from
    for index in range(graph.OperatorsLength()):
        operator = graph.Operators(index)
        code = codes[operator.OpcodeIndex()]
        kind = max(code.BuiltinCode(), code.DeprecatedBuiltinCode())
        if kind == _DEQUANTIZE:
            halves[operator.Outputs(0)] = operator.Inputs(0)
        elif kind in _CONVOLUTIONS:
            yield (
                _half(model, graph, halves[operator.Inputs(1)]),
                _half(model, graph, halves[operator.Inputs(2)]),
            )


def _half(model: Any, graph: Any, index: int) -> NDArray[np.float16]:
    tensor = graph.Tensors(index)
    values = model.Buffers(tensor.Buffer()).DataAsNumpy()
    return np.frombuffer(values.tobytes(), np.float16).reshape(tensor.ShapeAsNumpy())
