"""`python -m export verify`: each check passes on a good bundle and fails on a bad one."""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from export import __main__ as export_main
from export.bundle_outputs import BundleGraphs
from export.golden import SEED, describe, largest_deviation, read_golden, write_golden
from export.graph_facts import graph_facts
from export.seeded_inputs import InputShapes, seeded_inputs
from export.verify import CARD_NAME, verify_bundle
from shared.bundle import MANIFEST_NAME, load_bundle
from shared.errors import ArtifactError
from tests.tiny_bundle import write_tiny_bundle


def complete_bundle(folder: Path, **options: Any) -> Path:
    """A tiny bundle with golden vectors of its own and a card."""
    write_tiny_bundle(folder, **options)
    graphs = BundleGraphs(load_bundle(folder))
    outputs = graphs.run(seeded_inputs(graphs.shapes, seed=SEED, batch=2))
    write_golden(folder, describe(outputs))
    (folder / CARD_NAME).write_text("# Model card\n")
    return hash_again(folder)


def hash_again(folder: Path, **changes: object) -> Path:
    """The manifest as it must be for the files that lie there."""
    manifest = json.loads((folder / MANIFEST_NAME).read_text()) | changes
    manifest["files"] = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.iterdir()
        if path.name != MANIFEST_NAME
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest))
    return folder


def failures(folder: Path) -> dict[str, str]:
    return {check.name: check.found for check in verify_bundle(folder) if not check.passed}


def edit_frame_generator(folder: Path, edit: Any) -> Path:
    path = folder / "frame_generator.onnx"
    model = onnx.load(str(path))
    edit(model)
    path.write_bytes(model.SerializeToString())
    return hash_again(folder)


@pytest.mark.parametrize("options", [{}, {"history": 2, "audio": True}])
def test_a_good_bundle(tmp_path: Path, options: dict[str, Any]) -> None:
    checks = verify_bundle(complete_bundle(tmp_path, **options))
    assert [check.name for check in checks if not check.passed] == []
    assert len(checks) == 14


def test_a_changed_file_and_a_missing_one(tmp_path: Path) -> None:
    complete_bundle(tmp_path)
    (tmp_path / CARD_NAME).write_text("# Another card\n")
    assert "MODEL_CARD.md: sha256 " in failures(tmp_path)["manifest and hashes"]
    (tmp_path / CARD_NAME).unlink()
    assert "No such file" in failures(tmp_path)["manifest and hashes"]


def test_files_that_the_manifest_leaves_out(tmp_path: Path) -> None:
    assert failures(write_tiny_bundle(tmp_path)) == {
        "golden.json": "not in the manifest",
        "MODEL_CARD.md": "not in the manifest",
    }


def test_other_names_of_tensors(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path, image_name="photo")
    assert failures(tmp_path)["names and shapes"] == (
        "reference_encoder.onnx: inputs conditions, photo, the manifest asks for conditions, image"
    )


def test_another_face_model(tmp_path: Path) -> None:
    hash_again(complete_bundle(tmp_path), face_model_version=7)
    assert failures(tmp_path) == {"face model": "version 7"}


def test_other_weights_than_the_golden_vectors(tmp_path: Path) -> None:
    complete_bundle(tmp_path)
    golden = (tmp_path / "golden.json").read_bytes()
    write_tiny_bundle(tmp_path, scale=0.051)
    (tmp_path / "golden.json").write_bytes(golden)
    hash_again(tmp_path)
    found = failures(tmp_path)
    assert list(found) == ["golden vectors (torch's)"]
    assert found["golden vectors (torch's)"].endswith("image")


def test_golden_vectors_of_another_network(tmp_path: Path) -> None:
    complete_bundle(tmp_path)
    golden = json.loads((tmp_path / "golden.json").read_text())
    golden["features"]["code"]["shape"] = [2, 5, 16, 16]
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    assert failures(hash_again(tmp_path)) == {
        "golden vectors (torch's)": "differ by inf in code of shape (2, 4, 16, 16)"
    }
    golden["features"] = {}
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    assert failures(hash_again(tmp_path)) == {
        "golden vectors (torch's)": "differ by inf in features code, picture"
    }


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": 2}', b" " * 70_000])
def test_a_file_that_holds_no_golden_vectors(tmp_path: Path, content: bytes) -> None:
    complete_bundle(tmp_path)
    (tmp_path / "golden.json").write_bytes(content)
    assert "golden vectors are expected" in failures(hash_again(tmp_path))["a run on ONNX Runtime"]
    with pytest.raises(ArtifactError, match=r"missing.golden\.json: No such file"):
        read_golden(tmp_path / "missing")


def test_a_picture_that_is_not_finite(tmp_path: Path) -> None:
    graphs = BundleGraphs(load_bundle(complete_bundle(tmp_path)))
    outputs = graphs.run(seeded_inputs(graphs.shapes, seed=SEED, batch=2))
    outputs.picture[-1, :, 32, 32] = np.nan
    assert largest_deviation(read_golden(tmp_path), outputs)[0] == float("inf")


def test_another_opset(tmp_path: Path) -> None:
    def older(model: Any) -> None:
        model.opset_import[0].version = 16

    edit_frame_generator(complete_bundle(tmp_path), older)
    assert failures(tmp_path) == {"opset": "17, 16"}


def test_a_frame_that_depends_on_its_batch(tmp_path: Path) -> None:
    def mix(model: Any) -> None:
        last = model.graph.node[-1]
        last.output[0] = "own"
        mean = onnx.helper.make_node("ReduceMean", ["own"], ["mean"], axes=[0], keepdims=1)
        added = onnx.helper.make_node("Add", ["own", "mean"], ["image"])
        model.graph.node.extend([mean, added])

    edit_frame_generator(complete_bundle(tmp_path), mix)
    assert "3 frames as one batch" in failures(tmp_path)


def test_what_ships_as_lite_keeps_its_limits(tmp_path: Path) -> None:
    hash_again(complete_bundle(tmp_path), name="lite")
    assert failures(tmp_path) == {}
    (tmp_path / "ballast.bin").write_bytes(bytes(16_000_000))
    (size,) = failures(hash_again(tmp_path)).items()
    assert size[0] == "size"
    assert size[1].startswith("16.0")


def test_a_grid_sample_in_three_dimensions_is_seen() -> None:
    nodes = [
        onnx.helper.make_node("GridSample", ["volume", "grid"], ["out"], mode="bilinear"),
    ]
    graph = onnx.helper.make_graph(
        nodes,
        "volume",
        [
            onnx.helper.make_tensor_value_info("volume", 1, ["batch", 2, 4, 4, 4]),
            onnx.helper.make_tensor_value_info("grid", 1, ["batch", 4, 4, 4, 3]),
        ],
        [onnx.helper.make_tensor_value_info("out", 1, ["batch", 2, 4, 4, 4])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 20)])
    facts = graph_facts(model.SerializeToString())
    assert facts.grid_sample_ranks == (5,)
    with pytest.raises(ArtifactError, match="an ONNX graph is expected"):
        graph_facts(b"no graph")


def test_seeded_inputs_are_the_same_numbers_everywhere() -> None:
    inputs = seeded_inputs(InputShapes(16, (1, 2, 2), 1, takes_audio=True), seed=7, batch=1)
    assert list(inputs) == ["image", "conditions", "past_pncc", "audio"]
    exact = [0.25019085, 0.79442751, 0.55137134]
    np.testing.assert_allclose(inputs["image"].ravel()[:3], exact, rtol=1e-6)
    assert 0 <= inputs["conditions"].min() <= inputs["conditions"].max() < 0.2


def test_the_command_names_what_failed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(folder: Path) -> Any:
        monkeypatch.setattr(sys, "argv", ["export", "verify"])
        export_main._add_network_commands("verify")
        return CliRunner().invoke(export_main.app, ["verify", str(folder)])

    good = run(complete_bundle(tmp_path / "good"))
    assert (good.exit_code, good.stderr) == (0, "")
    bad = run(write_tiny_bundle(tmp_path / "bad"))
    assert bad.exit_code == 1
    assert bad.stderr.startswith(f"{tmp_path / 'bad'}: golden.json: not in the manifest")
    none = run(tmp_path / "none")
    assert none.exit_code == 1
    assert "a bundle's file is expected" in none.stderr
