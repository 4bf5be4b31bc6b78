"""Networks on ONNX Runtime: what a session promises, and every way to fail."""

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from shared.errors import ArtifactError, ConfigError, InferenceError
from shared.inference.ort import open_session
from shared.inference.session import TensorInfo


@pytest.fixture(scope="module")
def network() -> bytes:
    """total = x + bias and doubled = 2 x, with any number of rows of three."""
    rows = helper.make_tensor_value_info("x", TensorProto.FLOAT, ["rows", 3])
    bias = helper.make_tensor_value_info("bias", TensorProto.FLOAT, [3])
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["rows", 3])
        for name in ("total", "doubled")
    ]
    nodes = [
        helper.make_node("Add", ["x", "bias"], ["total"]),
        helper.make_node("Add", ["x", "x"], ["doubled"]),
    ]
    graph = helper.make_graph(nodes, "small", [rows, bias], outputs)
    opset = [helper.make_opsetid("", 17)]
    model: onnx.ModelProto = helper.make_model(graph, opset_imports=opset, ir_version=8)
    return model.SerializeToString()


def _inputs(rows: int = 2) -> dict[str, np.ndarray]:
    return {"x": np.ones((rows, 3), np.float32), "bias": np.arange(3, dtype=np.float32)}


def test_describes_its_tensors(network: bytes) -> None:
    session = open_session(network)
    float32 = np.dtype(np.float32)
    assert session.inputs == (
        TensorInfo(name="x", shape=(None, 3), dtype=float32),
        TensorInfo(name="bias", shape=(3,), dtype=float32),
    )
    assert [info.name for info in session.outputs] == ["total", "doubled"]


@pytest.mark.parametrize("rows", [1, 5])
def test_runs_any_size_of_a_dynamic_axis(network: bytes, rows: int) -> None:
    outputs = open_session(network).run(_inputs(rows))
    assert outputs["total"].tolist() == [[1, 2, 3]] * rows
    assert outputs["doubled"].tolist() == [[2, 2, 2]] * rows


def test_outputs_belong_to_the_caller(network: bytes) -> None:
    session = open_session(network)
    first = session.run(_inputs())["total"]
    first[:] = -1
    assert session.run(_inputs())["total"].tolist() == [[1, 2, 3]] * 2
    assert (first == -1).all()


def test_opens_a_file(network: bytes, tmp_path: Path) -> None:
    path = tmp_path / "small.onnx"
    path.write_bytes(network)
    assert open_session(path).run(_inputs())["total"].shape == (2, 3)


@pytest.mark.parametrize(
    "inputs",
    [
        {"x": np.ones((2, 3), np.float32)},
        {"x": np.ones((2, 4), np.float32), "bias": np.ones(3, np.float32)},
        {"x": np.ones((2, 3), np.float64), "bias": np.ones(3, np.float32)},
        {**_inputs(), "y": np.ones(1, np.float32)},
    ],
    ids=["missing", "shape", "type", "unknown"],
)
def test_refused_inputs(network: bytes, inputs: dict[str, np.ndarray]) -> None:
    session = open_session(network)
    with pytest.raises(InferenceError, match=r"^network in memory: "):
        session.run(inputs)
    assert session.run(_inputs())["total"].shape == (2, 3)  # nothing was harmed


def test_run_after_close(network: bytes) -> None:
    session = open_session(network)
    session.close()
    session.close()
    with pytest.raises(InferenceError) as caught:
        session.run(_inputs())
    assert str(caught.value) == "network in memory: run after close"


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        open_session(tmp_path / "absent.onnx")
    assert str(caught.value) == f"{tmp_path / 'absent.onnx'}: No such file or directory"


@pytest.mark.parametrize("content", [b"", b"no network", b"\x08\x08" * 50])
def test_no_network(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match=r"broken\.onnx: no ONNX network that can be loaded"):
        open_session(path)


def test_truncated_network(network: bytes) -> None:
    with pytest.raises(ArtifactError, match=r"^network in memory: no ONNX network"):
        open_session(network[: len(network) // 2])


def test_no_threads(network: bytes) -> None:
    with pytest.raises(ConfigError) as caught:
        open_session(network, threads=0)
    assert str(caught.value) == "0 threads for a network, at least 1 is needed"


def test_without_onnx_runtime(network: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ConfigError) as caught:
        open_session(network)
    assert str(caught.value) == (
        "ONNX Runtime is not installed: pip install kilocall[cpu], or kilocall[gpu] with an "
        "NVIDIA GPU"
    )
