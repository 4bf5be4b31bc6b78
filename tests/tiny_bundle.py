"""Generator bundles of a few seeded weights, good and bad ones, for tests."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

SIZE, CONDITION_SIZE = 64, (16, 16)
CHANNELS = ("pncc", "displacement")
_PLANES = 5


def write_tiny_bundle(
    folder: Path,
    *,
    history: int = 0,
    audio: bool = False,
    seed: int = 0,
    image_name: str = "image",
    batch: str | int = "batch",
    manifest_changes: dict[str, Any] | None = None,
    scale: float = 0.05,
) -> Path:
    """A bundle that darkens or brightens the reference by its conditions; returns its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    encoder = _encoder(rng, image_name)
    frame = _frame_generator(rng, history, audio, batch, scale)
    (folder / "reference_encoder.onnx").write_bytes(encoder.SerializeToString())
    (folder / "frame_generator.onnx").write_bytes(frame.SerializeToString())
    manifest = {
        "format": 1,
        "name": "tiny",
        "version": "0.1.0",
        "size": SIZE,
        "conditions": list(CHANNELS),
        "condition_size": list(CONDITION_SIZE),
        "history": history,
        "face_model_version": 1,
        "licence": "CC0-1.0",
        "training_data": "none: seeded noise",
        "files": {
            name: hashlib.sha256((folder / name).read_bytes()).hexdigest()
            for name in ("reference_encoder.onnx", "frame_generator.onnx")
        },
    }
    manifest |= manifest_changes or {}
    (folder / "bundle.json").write_text(json.dumps(manifest))
    return folder


def _encoder(rng: np.random.Generator, image_name: str) -> onnx.ModelProto:
    """image, conditions -> `picture` (the image) and `code` (a convolution of the conditions)."""
    weight = rng.normal(size=(4, _PLANES, 3, 3)).astype(np.float32)
    nodes = [
        helper.make_node("Identity", [image_name], ["picture"]),
        helper.make_node("Conv", ["conditions", "weight"], ["code"], pads=[1, 1, 1, 1]),
    ]
    inputs = [
        _info(image_name, "batch", 3, SIZE, SIZE),
        _info("conditions", "batch", _PLANES, *CONDITION_SIZE),
    ]
    outputs = [_info("picture", "batch", 3, SIZE, SIZE), _info("code", "batch", 4, *CONDITION_SIZE)]
    return _model(nodes, inputs, outputs, {"weight": weight})


def _frame_generator(
    rng: np.random.Generator, history: int, audio: bool, batch: str | int, scale: float
) -> onnx.ModelProto:
    """image = picture + a little of everything else, brought to its size."""
    planes = _PLANES + 4 + 3 * history
    weights = {"mix": (rng.normal(size=(3, planes, 3, 3)) * scale).astype(np.float32)}
    gathered = ["conditions", "code", *(["past_pncc"] if history else [])]
    factor = np.array([1, 1, SIZE / CONDITION_SIZE[0], SIZE / CONDITION_SIZE[1]], np.float32)
    weights["factor"] = factor
    nodes = [
        helper.make_node("Concat", gathered, ["all"], axis=1),
        helper.make_node("Conv", ["all", "mix"], ["low"], pads=[1, 1, 1, 1]),
        helper.make_node("Resize", ["low", "", "factor"], ["change"], mode="linear"),
        helper.make_node("Add", ["picture", "change"], ["sum" if audio else "image"]),
    ]
    inputs = [
        _info("conditions", batch, _PLANES, *CONDITION_SIZE),
        _info("picture", batch, 3, SIZE, SIZE),
        _info("code", batch, 4, *CONDITION_SIZE),
    ]
    if history:
        inputs.append(_info("past_pncc", batch, 3 * history, *CONDITION_SIZE))
    if audio:
        inputs.append(_info("audio", batch, 300))
        weights["axes"] = np.array([1, 2], np.int64)
        nodes += [
            helper.make_node("ReduceMean", ["audio"], ["loudness"], axes=[1], keepdims=1),
            helper.make_node("Unsqueeze", ["loudness", "axes"], ["planes"]),
            helper.make_node("Add", ["sum", "planes"], ["image"]),
        ]
    return _model(nodes, inputs, [_info("image", batch, 3, SIZE, SIZE)], weights)


def _model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    outputs: list[onnx.ValueInfoProto],
    weights: dict[str, np.ndarray],
) -> onnx.ModelProto:
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "tiny", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    return model


def _info(name: str, *shape: str | int) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(shape))
