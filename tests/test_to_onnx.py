"""Export of generators: parity with torch, bundles that load and render, clear refusals."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from export.model_card import CARD_NAME  # noqa: E402
from export.networks.base import Base, BaseConfig  # noqa: E402
from export.networks.interface import GeneratorNetwork  # noqa: E402
from export.networks.lite import Lite, LiteConfig  # noqa: E402
from export.to_onnx import write_bundle, write_graphs, write_manifest  # noqa: E402
from export.training.bundle_weights import load_bundle_weights  # noqa: E402
from export.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from export.training.plan import Plan  # noqa: E402
from export.verify import TOLERANCE, largest_difference  # noqa: E402
from shared.bundle import load_bundle  # noqa: E402
from shared.errors import ArtifactError  # noqa: E402
from shared.face_model import FaceModel  # noqa: E402
from shared.face_renderer import FaceRenderer  # noqa: E402
from shared.generator import load_generator  # noqa: E402
from shared.onnx_generator import OnnxGenerator  # noqa: E402
from tests.tiny_lite import TINY  # noqa: E402


def seeded(network: GeneratorNetwork) -> GeneratorNetwork:
    """Weights large enough that every branch shows in the picture."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            scale = 0.5 / max(parameter[0].numel(), 1) ** 0.5
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * scale)
    network.eval()
    return network


def write(network: GeneratorNetwork, folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    write_graphs(network, folder)
    write_manifest(
        network.spec, folder, version="0.1.0", training_data="none", face_model_version=1
    )
    return folder


@pytest.fixture(scope="module")
def lite_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(seeded(Lite(TINY)), tmp_path_factory.mktemp("lite"))


def test_lite_is_the_same_in_onnx_runtime(lite_bundle: Path) -> None:
    assert largest_difference(seeded(Lite(TINY)), lite_bundle, batch=3) <= TOLERANCE


def test_base_is_the_same_in_onnx_runtime(tmp_path: Path) -> None:
    base = seeded(Base(BaseConfig(size=64, widths=(4, 16, 64))))
    folder = write(base, tmp_path / "base")
    generator = OnnxGenerator(load_bundle(folder))
    assert generator.history == 2
    assert largest_difference(base, folder) <= TOLERANCE


def test_a_bundle_renders_through_the_face_renderer(lite_bundle: Path) -> None:
    generator = load_generator(lite_bundle)
    FaceRenderer(FaceModel.load(), generator).warm_up()
    conditions = np.zeros((9, 128, 128), np.float32)
    image = np.full((256, 256, 3), 90, np.uint8)
    picture = generator.generate(generator.prepare(image, conditions), conditions)
    assert picture.shape == (256, 256, 3)
    assert picture.std() >= 0


def test_graphs_use_four_dimensional_grid_samples_without_a_border_mode(lite_bundle: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(str(lite_bundle / "frame_generator.onnx"))
    modes = [
        {attribute.name: attribute for attribute in node.attribute}
        for node in model.graph.node
        if node.op_type == "GridSample"
    ]
    assert len(modes) == 4
    assert {one["padding_mode"].s for one in modes} == {b"zeros"}
    assert model.opset_import[0].version == 17
    assert not {"Shape", "Range", "Loop", "If"} & {node.op_type for node in model.graph.node}


def test_weights_come_back_from_a_bundle(lite_bundle: Path) -> None:
    network = Lite(TINY)
    load_bundle_weights(network, lite_bundle)
    for found, expected in zip(network.parameters(), seeded(Lite(TINY)).parameters(), strict=True):
        assert torch.equal(found, expected)


def test_weights_of_other_sizes_are_refused(lite_bundle: Path) -> None:
    with pytest.raises(ArtifactError, match=r"of shape .* is expected"):
        load_bundle_weights(Lite(replace(TINY, body=32)), lite_bundle)


def checkpoint(folder: Path, network: GeneratorNetwork, digest: str) -> Path:
    state = {"samples": 24, "average": network.state_dict()}
    save_checkpoint(folder / "checkpoint.pt", network, Plan(), digest, state)
    return folder / "checkpoint.pt"


def test_a_checkpoint_becomes_a_bundle_with_its_card(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, seeded(Lite(TINY)), FaceModel.load().digest)
    out = tmp_path / "bundle"
    write_bundle(path, out, version="1.2.3", training_data="seeded noise", network="lite")
    manifest = load_bundle(out).manifest
    assert (manifest.name, manifest.version) == ("lite", "1.2.3")
    assert CARD_NAME in manifest.files
    assert "seeded noise" in (out / CARD_NAME).read_text()
    assert largest_difference(load_checkpoint(path).build_average(), out) <= TOLERANCE


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), FaceModel.load().digest)
    with pytest.raises(ArtifactError) as caught:
        write_bundle(path, tmp_path / "b", version="1.0.0", training_data="-", network="base")
    assert str(caught.value) == f"{path}: a checkpoint of network lite, base is expected"


def test_a_checkpoint_of_another_face_model_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), "0" * 64)
    with pytest.raises(ArtifactError, match="learnt with face model 0000000000000000"):
        write_bundle(path, tmp_path / "b", version="1.0.0", training_data="-", network=None)


def test_weights_that_do_not_fit_their_network_are_refused(tmp_path: Path) -> None:
    state = {"samples": 0, "average": Lite(TINY).state_dict()}
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Lite(LiteConfig()), Plan(), FaceModel.load().digest, state)
    with pytest.raises(ArtifactError, match="weights that are not lite's"):
        load_checkpoint(path).build_average()


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04junk"])
def test_a_file_that_is_no_checkpoint_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="a checkpoint of a training is expected"):
        load_checkpoint(path)
    with pytest.raises(ArtifactError, match="not found"):
        load_checkpoint(tmp_path / "missing.pt")
