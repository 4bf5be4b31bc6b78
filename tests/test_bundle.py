import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.bundle import MANIFEST_NAME, load_bundle
from shared.channel import Channel
from shared.errors import ArtifactError
from tests.tiny_bundle import write_tiny_bundle


def refusal(folder: Path) -> str:
    with pytest.raises(ArtifactError) as caught:
        load_bundle(folder)
    return str(caught.value).replace(str(folder), "B")


def change(folder: Path, **values: object) -> None:
    path = folder / MANIFEST_NAME
    manifest = json.loads(path.read_text()) | values
    path.write_text(
        json.dumps({key: value for key, value in manifest.items() if value is not None})
    )


def test_a_good_bundle(tmp_path: Path) -> None:
    bundle = load_bundle(write_tiny_bundle(tmp_path))
    assert bundle.manifest.name == "tiny"
    assert bundle.manifest.conditions == (Channel.PNCC, Channel.DISPLACEMENT)
    assert bundle.manifest.condition_shape == (5, 16, 16)
    assert bundle.manifest.history == 0
    assert bundle.frame_generator == (tmp_path / "frame_generator.onnx").read_bytes()


def test_a_changed_file(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path)
    with (tmp_path / "frame_generator.onnx").open("ab") as file:
        file.write(b"x")
    text = refusal(tmp_path)
    assert text.startswith("B/frame_generator.onnx: sha256 ")
    assert ", the manifest says " in text


def test_a_missing_file(tmp_path: Path) -> None:
    write_tiny_bundle(tmp_path)
    (tmp_path / "reference_encoder.onnx").unlink()
    assert refusal(tmp_path) == (
        "B/reference_encoder.onnx: No such file or directory, a bundle's file is expected"
    )


def test_no_manifest(tmp_path: Path) -> None:
    assert refusal(tmp_path) == (
        "B/bundle.json: No such file or directory, a bundle's file is expected"
    )


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"format": 2}, "B/bundle.json: format: Input should be 1, found '2'"),
        ({"name": None}, "B/bundle.json: name: Field required"),
        ({"colour": "red"}, "B/bundle.json: colour: Extra inputs are not permitted, found 'red'"),
        (
            {"size": 100_000},
            "B/bundle.json: size: Input should be less than or equal to 2048, found '100000'",
        ),
        (
            {"conditions": ["mask", "mask"]},
            "B/bundle.json: conditions mask, mask, each may be named once",
        ),
        (
            {"files": {}},
            "B/bundle.json: files none, reference_encoder.onnx is needed",
        ),
    ],
)
def test_bad_manifests(tmp_path: Path, changes: dict[str, object], text: str) -> None:
    change(write_tiny_bundle(tmp_path), **changes)
    assert refusal(tmp_path) == text


def test_an_unknown_condition_names_the_known_ones(tmp_path: Path) -> None:
    change(write_tiny_bundle(tmp_path), conditions=["flow"])
    text = refusal(tmp_path)
    assert text.startswith("B/bundle.json: conditions.0: Input should be 'pncc', 'displacement'")
    assert text.endswith("found 'flow'")


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", ".hidden", ""])
def test_files_lie_inside_the_folder(tmp_path: Path, name: str) -> None:
    folder = write_tiny_bundle(tmp_path)
    files = json.loads((folder / MANIFEST_NAME).read_text())["files"]
    change(folder, files=files | {name: "0" * 64})
    assert refusal(folder).startswith("B/bundle.json: files.")


@settings(max_examples=60, deadline=None)
@given(content=st.binary(max_size=200))
def test_any_bytes_as_a_manifest(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.getbasetemp() / "noise"
    folder.mkdir(exist_ok=True)
    (folder / MANIFEST_NAME).write_bytes(content)
    with pytest.raises(ArtifactError):
        load_bundle(folder)


def test_a_huge_manifest_is_not_read(tmp_path: Path) -> None:
    (tmp_path / MANIFEST_NAME).write_bytes(b" " * 70_000)
    assert refusal(tmp_path) == "B/bundle.json: 70000 bytes, at most 65536 are read"
