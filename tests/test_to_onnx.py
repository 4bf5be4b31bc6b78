"""Export of generators: parity with torch, bundles that load and render, clear refusals."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")

from export.graph_facts import graph_facts  # noqa: E402
from export.networks.base import Base, BaseConfig  # noqa: E402
from export.networks.counts import count_macs, count_parameters  # noqa: E402
from export.networks.family import build_network  # noqa: E402
from export.networks.interface import GeneratorNetwork  # noqa: E402
from export.networks.lite import Lite  # noqa: E402
from export.networks.lite_config import LiteConfig  # noqa: E402
from export.onnx_command import command  # noqa: E402
from export.parity import bundle_fidelity, parity  # noqa: E402
from export.provenance import ClipSource, write_sources  # noqa: E402
from export.to_onnx import write_graphs, write_manifest  # noqa: E402
from export.training.bundle_weights import load_bundle_weights  # noqa: E402
from export.training.checkpoint import load_checkpoint, save_checkpoint  # noqa: E402
from export.training.plan import Plan  # noqa: E402
from export.training.train import resumed_network  # noqa: E402
from export.verify import verify_bundle  # noqa: E402
from export.verify_command import command as verify_command  # noqa: E402
from shared.bundle import BundleNumberFormat, load_bundle  # noqa: E402
from shared.errors import ArtifactError, ConfigError  # noqa: E402
from shared.face_model import FaceModel  # noqa: E402
from shared.face_renderer import FaceRenderer  # noqa: E402
from shared.generator import load_generator  # noqa: E402
from shared.number_format import NumberFormat  # noqa: E402
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


def write(
    network: GeneratorNetwork,
    folder: Path,
    number_format: BundleNumberFormat = NumberFormat.FLOAT32,
) -> Path:
    folder.mkdir(exist_ok=True)
    write_graphs(network, folder, number_format)
    write_manifest(
        network.spec,
        folder,
        version="0.1.0",
        training_data="none",
        face_model_version=1,
        number_format=number_format,
    )
    return folder


@pytest.fixture(scope="module")
def lite_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(seeded(Lite(TINY)), tmp_path_factory.mktemp("lite"))


def test_lite_is_the_same_in_onnx_runtime(lite_bundle: Path) -> None:
    assert parity(seeded(Lite(TINY)), load_bundle(lite_bundle)).passed


def test_other_weights_are_not_the_same(lite_bundle: Path) -> None:
    check = parity(Lite(TINY), load_bundle(lite_bundle))
    assert not check.passed


def test_base_is_the_same_in_onnx_runtime(tmp_path: Path) -> None:
    base = seeded(Base(BaseConfig(size=64, widths=(4, 16, 64))))
    folder = write(base, tmp_path / "base")
    generator = OnnxGenerator(load_bundle(folder))
    assert generator.history == 2
    assert parity(base, load_bundle(folder)).passed


@pytest.mark.parametrize(
    "network",
    [
        Lite(TINY),
        Base(BaseConfig(size=64, widths=(4, 16, 64), spade_hidden=16), name="base-half"),
    ],
    ids=["lite", "base"],
)
def test_half_precision_stays_near_single_precision(
    network: GeneratorNetwork, tmp_path: Path
) -> None:
    seeded(network)
    single = load_bundle(write(network, tmp_path / "fp32"))
    half = load_bundle(write(network, tmp_path / "fp16", NumberFormat.FLOAT16))
    assert half.manifest.number_format is NumberFormat.FLOAT16
    fidelity = bundle_fidelity(network, half)
    assert 60 < fidelity.psnr_db < 100  # not equal either: it does compute in float16
    assert fidelity.mean < fidelity.largest < 0.02
    assert parity(network, half).passed
    assert len(half.frame_generator) < len(single.frame_generator)
    OnnxGenerator(half).close()  # names, shapes and types at its boundary are as always
    failed = {one.name for one in verify_bundle(tmp_path / "fp16") if not one.passed}
    assert failed == {"golden.json", "MODEL_CARD.md"}  # only what a whole export adds
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1.2)
    assert not parity(network, half).passed


def test_half_precision_keeps_statistics_and_positions_in_single(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    base = seeded(Base(BaseConfig(size=64, widths=(4, 16, 64), spade_hidden=16)))
    folder = write(base, tmp_path / "fp16", NumberFormat.FLOAT16)
    graph = onnx.shape_inference.infer_shapes(onnx.load(str(folder / "frame_generator.onnx"))).graph
    types = {one.name: one.type.tensor_type.elem_type for one in (*graph.input, *graph.value_info)}
    types |= {one.name: one.data_type for one in graph.initializer}
    single, half = onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16
    taken = {
        kind: {types[name] for node in graph.node if node.op_type == kind for name in node.input}
        for kind in ("Conv", "Gemm", "InstanceNormalization", "GridSample")
    }
    assert taken == {
        "Conv": {half}, "Gemm": {half}, "InstanceNormalization": {single}, "GridSample": {single},
    }  # fmt: skip


def test_base_half_in_half_precision_keeps_its_limit(tmp_path: Path) -> None:
    """At a quarter of its sides: they change the files by a few KB, and a processor without
    arithmetic of half precision traces the whole picture for minutes."""
    base = build_network("base-half", {"size": 64})
    folder = write(base, tmp_path / "fp16", NumberFormat.FLOAT16)
    megabytes = sum(path.stat().st_size for path in folder.iterdir()) / 1e6
    assert 15 < megabytes < 16 - 0.1  # golden vectors and card come to that


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
    assert len(modes) == 6
    assert {one["padding_mode"].s for one in modes} == {b"zeros"}
    assert model.opset_import[0].version == 17
    assert not {"Shape", "Range", "Loop", "If"} & {node.op_type for node in model.graph.node}


def test_weights_come_back_from_a_bundle(lite_bundle: Path) -> None:
    network = Lite(TINY)
    load_bundle_weights(network, lite_bundle)
    whole = seeded(Lite(TINY))
    whole.fold()
    for found, expected in zip(network.parameters(), whole.parameters(), strict=True):
        assert torch.equal(found, expected)


def test_equal_weights_stored_once_come_back_for_both(tmp_path: Path) -> None:
    network = seeded(Lite(TINY))
    assert isinstance(network, Lite)
    network.load_state_dict(
        network.state_dict() | {"from_detail.bias": network.state_dict()["from_body.bias"]}
    )
    bundle = write(network, tmp_path / "lite")
    found = Lite(TINY)
    load_bundle_weights(found, bundle)
    for name in ("from_body.bias", "from_detail.bias"):
        assert torch.equal(found.state_dict()[name], network.state_dict()["from_body.bias"])


def test_a_training_that_went_on_from_a_bundle_is_exported_and_resumed(
    lite_bundle: Path, tmp_path: Path
) -> None:
    network = Lite(TINY)
    load_bundle_weights(network, lite_bundle)
    path = checkpoint(tmp_path, network, FaceModel.load().digest)
    average = load_checkpoint(path).build_average()
    for found, expected in zip(average.parameters(), network.parameters(), strict=True):
        assert torch.equal(found, expected)
    resumed, _ = resumed_network(path, "lite")
    assert resumed.state_dict().keys() == network.state_dict().keys()


def test_weights_of_other_sizes_are_refused(lite_bundle: Path) -> None:
    with pytest.raises(ArtifactError, match=r"of shape .* is expected"):
        load_bundle_weights(Lite(replace(TINY, body=32)), lite_bundle)


def checkpoint(folder: Path, network: GeneratorNetwork, digest: str) -> Path:
    state = {"samples": 24, "average": network.state_dict()}
    save_checkpoint(folder / "checkpoint.pt", network, Plan(), digest, state)
    return folder / "checkpoint.pt"


def prepared(folder: Path, licence: str = "MIT") -> Path:
    """A folder of prepared clips, as far as an export looks into it."""
    folder.mkdir()
    (folder / "ann.npz").touch()
    write_sources(folder, [ClipSource("ann", "ann", 1500, "some/where", licence)])
    return folder


def test_a_checkpoint_becomes_a_bundle_that_verifies(tmp_path: Path, lite_bundle: Path) -> None:
    network = seeded(Lite(TINY))
    path = checkpoint(tmp_path, network, FaceModel.load().digest)
    out = tmp_path / "bundle"
    shutil.copytree(lite_bundle, out)  # the one before
    command(path, data=prepared(tmp_path / "data"), out=out, network="lite", version="1.2.3")
    manifest = load_bundle(out).manifest
    assert (manifest.name, manifest.version) == ("lite", "1.2.3")
    assert manifest.files.keys() == {
        "reference_encoder.onnx", "frame_generator.onnx", "golden.json", "MODEL_CARD.md",
    }  # fmt: skip
    assert manifest.training_data.startswith("1 clips (1.0 minutes) and 0 stills of 1 people")
    assert [one.name for one in verify_bundle(out) if not one.passed] == []
    verify_command(out, checkpoint=path)
    assert not (tmp_path / "bundle.part").exists()


def test_a_checkpoint_of_base_becomes_a_bundle_in_half_precision(tmp_path: Path) -> None:
    sizes = BaseConfig(size=64, widths=(4, 16, 64), spade_hidden=16)
    network = seeded(Base(sizes, name="base-half"))
    path = checkpoint(tmp_path, network, FaceModel.load().digest)
    out, data = tmp_path / "bundle", prepared(tmp_path / "data")
    command(path, data=data, out=out, network="base-half", precision=NumberFormat.FLOAT16)
    manifest = load_bundle(out).manifest
    assert (manifest.name, manifest.history) == ("base-half", 2)
    assert [one.name for one in verify_bundle(out) if not one.passed] == []
    verify_command(out, checkpoint=path)
    card = (out / "MODEL_CARD.md").read_text()
    assert re.search(r"\| weights and convolutions \| fp16 \|\n.* in the mean, \d+\.\d dB \|", card)
    with pytest.raises(ConfigError) as refused:
        command(path, data=data, out=out, precision=NumberFormat.BFLOAT16)
    assert str(refused.value) == "precision bf16, bundles are of fp32 or fp16"


def test_sizes_read_from_graphs_are_those_of_the_network(tmp_path: Path) -> None:
    """Of fresh weights, many of which are equal zeros and stored once."""
    network = Lite(TINY)
    bundle = load_bundle(write(network, tmp_path))
    image, conditions = torch.zeros(1, 3, 256, 256), torch.zeros(1, 9, 128, 128)
    features = network.encode(image, conditions)
    encoder, frame = graph_facts(bundle.reference_encoder), graph_facts(bundle.frame_generator)
    assert encoder.macs == count_macs(network, lambda: network.encode(image, conditions))
    assert frame.macs == count_macs(network, lambda: network.generate(conditions, features))
    network.fold()
    assert encoder.parameters + frame.parameters == count_parameters(network)


def test_verifying_with_another_checkpoint_fails(tmp_path: Path, lite_bundle: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), FaceModel.load().digest)
    with pytest.raises(typer.Exit) as caught:
        verify_command(lite_bundle, checkpoint=path)
    assert caught.value.exit_code == 1
    other = checkpoint(tmp_path, Base(BaseConfig(size=64, widths=(4, 16, 64))), "0" * 64)
    with pytest.raises(ArtifactError) as refused:
        verify_command(lite_bundle, checkpoint=other)
    assert str(refused.value) == f"{other}: a checkpoint of network base, lite is expected"
    smaller = checkpoint(tmp_path, Lite(replace(TINY, condition_size=64)), "0" * 64)
    with pytest.raises(ArtifactError, match=r"takes conditions of \(9, 64, 64\) .* are expected"):
        verify_command(lite_bundle, checkpoint=smaller)


def test_a_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), FaceModel.load().digest)
    with pytest.raises(ArtifactError) as caught:
        command(path, data=prepared(tmp_path / "data"), out=tmp_path / "b", network="base")
    assert str(caught.value) == f"{path}: a checkpoint of network lite, base is expected"
    assert not (tmp_path / "b").exists()


def test_a_checkpoint_of_another_face_model_is_refused(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), "0" * 64)
    with pytest.raises(ArtifactError, match="learnt with face model 0000000000000000"):
        command(path, data=prepared(tmp_path / "data"), out=tmp_path / "b")
    assert not (tmp_path / "b.part").exists()


def test_what_was_trained_on_non_commercial_clips_is_not_exported(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), FaceModel.load().digest)
    data = prepared(tmp_path / "data", "CC-BY-NC")
    with pytest.raises(ArtifactError, match=r"ann \(CC-BY-NC\), clips of licences that forbid"):
        command(path, data=data, out=tmp_path / "b")


def test_a_folder_with_something_else_is_not_replaced(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), FaceModel.load().digest)
    with pytest.raises(ArtifactError, match=r"holds checkpoint\.pt, data, an empty folder or a"):
        command(path, data=prepared(tmp_path / "data"), out=tmp_path)
    assert path.is_file()


def test_a_version_that_is_none_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^version '1': String should match pattern"):
        write_manifest(
            Lite(TINY).spec, tmp_path, version="1", training_data="none", face_model_version=1
        )


def test_weights_that_do_not_fit_their_network_are_refused(tmp_path: Path) -> None:
    state = {"samples": 0, "average": Lite(TINY).state_dict()}
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, Lite(LiteConfig()), Plan(), FaceModel.load().digest, state)
    with pytest.raises(ArtifactError) as caught:
        load_checkpoint(path).build_average()
    text = str(caught.value)
    assert text.startswith(f"{path}: weights that are not this lite's: Missing key(s) ")
    assert len(text) < len(str(path)) + 250
    assert "\n" not in text


def test_a_checkpoint_of_an_older_program_is_one_clear_error(tmp_path: Path) -> None:
    path = checkpoint(tmp_path, Lite(TINY), FaceModel.load().digest)
    content = torch.load(path, weights_only=True)
    torch.save({**content, "plan": {**content["plan"], "colour": 1}}, path)
    with pytest.raises(ArtifactError, match=r"'colour', a checkpoint of this program is expected"):
        load_checkpoint(path)
    torch.save({**content, "format": 0}, path)
    with pytest.raises(ArtifactError, match="format 0, a checkpoint of format 1 is expected"):
        load_checkpoint(path)
    del content["sizes"]
    torch.save(content, path)
    with pytest.raises(ArtifactError, match=r"'sizes', a checkpoint of this program is expected"):
        load_checkpoint(path)


@pytest.mark.parametrize("content", [b"", b"no checkpoint", b"PK\x03\x04junk"])
def test_a_file_that_is_no_checkpoint_is_one_clear_error(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="a checkpoint of a training is expected"):
        load_checkpoint(path)
    with pytest.raises(ArtifactError, match="not found"):
        load_checkpoint(tmp_path / "missing.pt")
