"""The rewriting of the mesh network: same outputs, no slow operation left."""

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import shared.tracker
from export.tracker_network import rewrite, split_prelu
from shared.errors import ArtifactError
from shared.inference.ort import open_session

_SLOPES = np.array([-4.0, 0.25, 1.0, 6.5], np.float32)


def _network(slopes: np.ndarray) -> onnx.ModelProto:
    """y = PRelu(x) of four channels."""
    tensors = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4, 5, 6]) for name in ("x", "y")
    ]
    node = helper.make_node("PRelu", ["x", "slope"], ["y"])
    constant = numpy_helper.from_array(slopes, "slope")
    graph = helper.make_graph([node], "small", tensors[:1], tensors[1:], [constant])
    opset = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def test_split_prelu_is_prelu() -> None:
    model = _network(_SLOPES.reshape(1, 4, 1, 1))
    split_prelu(model)
    onnx.checker.check_model(model)
    assert sorted(node.op_type for node in model.graph.node) == ["Add", "Conv", "Conv", "Relu"]
    assert {tensor.name for tensor in model.graph.initializer} == {"y/slope", "y/rest"}
    x = np.random.default_rng(0).normal(size=(1, 4, 5, 6)).astype(np.float32)
    found = open_session(model.SerializeToString()).run({"x": x})["y"]
    expected = np.where(x > 0, x, x * _SLOPES.reshape(4, 1, 1))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("shape", [(1,), (6,), (4, 5, 6)])
def test_other_slopes_stay(shape: tuple[int, ...]) -> None:
    """One slope for all, one a column, one a place: these are no depthwise convolution."""
    model = _network(np.full(shape, 0.25, np.float32))
    split_prelu(model)
    assert [node.op_type for node in model.graph.node] == ["PRelu"]


def test_rewritten_file_gives_the_same(tmp_path: Path) -> None:
    source, target = tmp_path / "in.onnx", tmp_path / "out.onnx"
    onnx.save(_network(_SLOPES.reshape(1, 4, 1, 1)), str(source))
    assert rewrite(source, target) < 1e-5
    assert open_session(target).outputs[0].shape == (1, 4, 5, 6)


def test_no_network(tmp_path: Path) -> None:
    source = tmp_path / "in.onnx"
    source.write_bytes(b"no network")
    with pytest.raises(ArtifactError, match=r"in\.onnx: no ONNX network that can be loaded"):
        rewrite(source, tmp_path / "out.onnx")


def test_shipped_network_is_rewritten() -> None:
    path = Path(shared.tracker.__file__).parent / "assets" / "tracker"
    model = onnx.load(str(path / "face_landmark_with_attention.onnx"))
    assert all(node.op_type != "PRelu" for node in model.graph.node)
