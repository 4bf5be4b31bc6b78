"""What an ONNX graph says about itself: operators, parameters, multiply-accumulates."""

from dataclasses import dataclass

import numpy as np
import onnx
from onnx import GraphProto, NodeProto

from shared.errors import ArtifactError

_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul")


@dataclass(frozen=True, slots=True)
class GraphFacts:
    """Of one graph at batch 1."""

    opset: int
    domains: tuple[str, ...]
    """Of its operators; ONNX's own is the empty one."""

    grid_sample_ranks: tuple[int, ...]
    """Dimensions of what each GridSample samples from."""

    parameters: int
    """Numbers of its layers; other constants are left out."""

    macs: int
    """Of convolutions and matrix products, as papers count."""


def graph_facts(content: bytes) -> GraphFacts:
    """Facts of a serialised graph.

    Raises ArtifactError for bytes that are no graph, or one whose shapes cannot be followed.
    """
    try:
        model = onnx.load_model_from_string(content)
        for value in (*model.graph.input, *model.graph.output):
            value.type.tensor_type.shape.dim[0].dim_value = 1
        del model.graph.value_info[:]  # of the batch as it was
        model = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True)
    except Exception as err:  # protobuf, shape inference and index errors share no base class
        first = str(err).partition("\n")[0][:120]
        raise ArtifactError(f"{first}, an ONNX graph is expected") from err
    graph = model.graph
    shapes = {
        value.name: tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)
        for value in (*graph.input, *graph.output, *graph.value_info)
    }
    shapes |= {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    return GraphFacts(
        opset=max(one.version for one in model.opset_import if one.domain in ("", "ai.onnx")),
        domains=tuple(sorted({node.domain for node in graph.node})),
        grid_sample_ranks=tuple(
            len(shapes.get(node.input[0], ()))
            for node in graph.node
            if node.op_type == "GridSample"
        ),
        parameters=_parameters(graph),
        macs=sum(_macs(node, shapes) for node in graph.node),
    )


def _parameters(graph: GraphProto) -> int:
    """Counted where they are used: equal tensors may be stored once, and named by Identity."""
    stored = {one.name: int(np.prod(one.dims)) for one in graph.initializer}
    for node in graph.node:
        if node.op_type == "Identity" and node.input[0] in stored:
            stored[node.output[0]] = stored[node.input[0]]
    layers = [node for node in graph.node if node.op_type in _LAYERS]
    return sum(stored.get(name, 0) for node in layers for name in node.input[1:])


def _macs(node: NodeProto, shapes: dict[str, tuple[int, ...]]) -> int:
    if node.op_type not in _LAYERS:
        return 0
    made = _shape(node.output[0], shapes)
    weight = _shape(node.input[1], shapes)
    if node.op_type == "Conv":  # weight (out, in / groups, h, w)
        return int(np.prod(made) * np.prod(weight[1:]))
    if node.op_type == "ConvTranspose":  # weight (in, out / groups, h, w)
        return int(np.prod(_shape(node.input[0], shapes)) * np.prod(weight[1:]))
    taken = _shape(node.input[0], shapes)
    across = any(one.name == "transA" and one.i for one in node.attribute)
    return int(np.prod(made)) * taken[-2 if across else -1]


def _shape(name: str, shapes: dict[str, tuple[int, ...]]) -> tuple[int, ...]:
    shape = shapes.get(name, ())
    if not shape or 0 in shape:
        raise ArtifactError(f"{name} of unknown shape, constant sides are expected")
    return shape
