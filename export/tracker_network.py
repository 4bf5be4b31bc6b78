"""The mesh network of the tracker, made fast for ONNX Runtime on a CPU.

ONNX Runtime keeps a convolution's channels in blocks that fit the CPU's vectors, but not PRelu's:
each of the network's 73 costs two reorderings and a slow loop, half of the network's time. The
same function in operations that stay in blocks,

    PRelu(x) = a x + (1 - a) Relu(x),       a and 1 - a as 1 x 1 depthwise convolutions

took the network from 5.2 to 2.2 ms on one core; the landmarks moved by 0.0001 px.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from shared.errors import ArtifactError
from shared.inference.ort import open_session

_TOLERANCE = 1e-3
"""Largest change of any output: pixels of the network's 192 x 192 input, or logits."""


def rewrite(source: Path, target: Path) -> float:
    """Write `source` with its PRelu split to `target`; the largest change of any output.

    Raises ArtifactError for a file that is no network, or whose outputs change.
    """
    try:
        model = onnx.load(str(source))
    except Exception as err:  # protobuf's and the file system's alike
        raise ArtifactError(f"{source}: no ONNX network that can be loaded") from err
    split_prelu(model)
    content = model.SerializeToString()
    change = _largest_change(source, content)
    if not change <= _TOLERANCE:
        raise ArtifactError(f"{source}: outputs change by {change:.2g}, {_TOLERANCE} is allowed")
    target.write_bytes(content)
    return change


def split_prelu(model: onnx.ModelProto) -> None:
    """Replace, in place, each PRelu that has one constant slope a channel."""
    graph = model.graph
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    for node in graph.node:
        slope = constants.get(node.input[1]) if node.op_type == "PRelu" else None
        if slope is None or slope.ndim < 3 or slope.shape[-3] != slope.size:
            nodes.append(node)
            continue
        x, y, channels = node.input[0], node.output[0], slope.size
        weights = slope.reshape(channels, 1, 1, 1).astype(np.float32)
        for name, values in ((f"{y}/slope", weights), (f"{y}/rest", 1 - weights)):
            graph.initializer.append(numpy_helper.from_array(values, name))
        nodes += [
            helper.make_node("Relu", [x], [f"{y}/positive"]),
            _depthwise(x, f"{y}/slope", f"{y}/sloped", channels),
            _depthwise(f"{y}/positive", f"{y}/rest", f"{y}/bent", channels),
            helper.make_node("Add", [f"{y}/sloped", f"{y}/bent"], [y]),
        ]
    del graph.node[:]
    graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def _depthwise(source: str, weights: str, target: str, channels: int) -> onnx.NodeProto:
    return helper.make_node(
        "Conv", [source, weights], [target], group=channels, kernel_shape=[1, 1]
    )


def _largest_change(source: Path, content: bytes) -> float:
    """Over all outputs on pictures of noise, smooth and rough."""
    before, after = open_session(source), open_session(content)
    [info] = before.inputs
    shape = [size or 1 for size in info.shape]
    random = np.random.default_rng(0)
    largest = 0.0
    for power in (0.2, 1.0, 5.0):
        inputs = {info.name: (random.random(shape) ** power).astype(info.dtype)}
        expected, found = before.run(inputs), after.run(inputs)
        changes = [np.abs(found[name] - values).max() for name, values in expected.items()]
        largest = max(largest, float(np.max(changes)))
    return largest
