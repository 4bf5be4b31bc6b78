"""The person network: equal to MediaPipe's own, in torch and as an ONNX graph."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as PillowImage

torch = pytest.importorskip("torch", reason="needs torch (requirements/export.txt)")
onnx = pytest.importorskip("onnx")

from torch import Tensor  # noqa: E402

from export.networks.counts import count_macs, count_parameters  # noqa: E402
from export.networks.person import WEIGHTS_PATH, PersonNetwork  # noqa: E402
from export.portrait import PORTRAIT_FOLDER  # noqa: E402
from export.verify import OPSET  # noqa: E402
from shared.errors import ArtifactError  # noqa: E402
from shared.inference.ort import open_session  # noqa: E402

GOLDEN = Path(__file__).parent / "vectors" / "person_mask.npz"
"""Means of 4 x 4 pixels, of 255, of the mask that MediaPipe 0.10.21 gives the built-in portrait:
SelfieSegmentation(model_selection=0).process(image).segmentation_mask."""


def portrait() -> Tensor:
    """(1, 3, 256, 256) in -1..1."""
    pixels = np.asarray(PillowImage.open(PORTRAIT_FOLDER / "portrait.webp").convert("RGB"))
    planes: Tensor = torch.from_numpy(pixels.astype(np.float32) / 127.5 - 1).permute(2, 0, 1)
    return planes[None]


def pair() -> Tensor:
    """The portrait, and it mirrored and darkened."""
    image = portrait()
    both: Tensor = torch.cat([image, 0.5 * image.flip(3) - 0.5])
    return both


def means(mask: Tensor) -> NDArray[np.float32]:
    values: NDArray[np.float32] = mask.numpy().reshape(64, 4, 64, 4).mean((1, 3))
    return values


def test_the_mask_is_mediapipes() -> None:
    with np.load(GOLDEN) as file:
        expected = file["mask"] / 255.0
    assert 0.4 < expected.mean() < 0.6
    found = means(PersonNetwork.load()(portrait())[0, 0])
    np.testing.assert_allclose(found, expected, rtol=0, atol=0.5 / 255 + 1e-3)


def test_pictures_of_a_batch_do_not_meet() -> None:
    network = PersonNetwork.load()
    both = network(pair())
    assert both.shape == (2, 1, 256, 256)
    alone = torch.cat([network(image[None]) for image in pair()])
    torch.testing.assert_close(both, alone, rtol=0, atol=1e-4)


def test_it_stays_float32_under_autocast() -> None:
    network = PersonNetwork.load()
    with torch.autocast("cpu", torch.bfloat16):
        found = network(portrait())
        from_half = network(portrait().bfloat16())
    assert found.dtype == from_half.dtype == torch.float32
    torch.testing.assert_close(found, network(portrait()), rtol=0, atol=0)


def test_it_is_frozen() -> None:
    network = torch.nn.Sequential(PersonNetwork.load()).train()
    assert not any(module.training for module in network[0].modules())
    assert not any(parameter.requires_grad for parameter in network.parameters())


def test_sizes_are_those_of_the_docstring() -> None:
    with torch.device("meta"):
        network = PersonNetwork.load()
        macs = count_macs(network, lambda: network(torch.zeros(1, 3, 256, 256)))
    assert macs / 1e6 == pytest.approx(66, abs=0.5)
    assert count_parameters(network) / 1e3 == pytest.approx(108, abs=0.5)


@pytest.mark.filterwarnings("ignore")  # the tracer warns of its own old age
def test_its_graph_gives_the_same() -> None:
    network = PersonNetwork.load()
    graph = io.BytesIO()
    torch.onnx.export(
        network,
        (portrait(),),
        graph,
        opset_version=OPSET,
        dynamo=False,
        input_names=["image"],
        output_names=["person"],
        dynamic_axes={"image": {0: "batch"}, "person": {0: "batch"}},
    )
    session = open_session(graph.getvalue())
    for image in (portrait(), pair()):
        found = session.run({"image": image.numpy()})["person"]
        np.testing.assert_allclose(found, network(image).numpy(), rtol=0, atol=1e-3)


def changed(**arrays: NDArray[Any] | None) -> bytes:
    """The file with arrays replaced, or left out."""
    with np.load(WEIGHTS_PATH) as file:
        kept = {name: file[name] for name in file.files} | arrays
    target = io.BytesIO()
    np.savez(target, **{name: array for name, array in kept.items() if array is not None})
    return target.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no weights of the person network"),
        (b"", "no weights of the person network"),
        (WEIGHTS_PATH.read_bytes()[:5000], "no weights of the person network"),
        (b"\x93NUMPY\x01\x00", "no weights of the person network"),
        (changed(**{"leave.bias": None}), r"leave\.bias is missing or strange"),
        (changed(more=np.zeros(1)), "more is missing or strange"),
        (changed(**{"leave.bias": np.zeros(1)}), r"leave\.bias is float64 \(1,\), float16 \(1,\)"),
        (changed(**{"leave.bias": np.zeros(2, np.float16)}), r"leave\.bias is float16 \(2,\)"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "weights.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ArtifactError, match=message):
        PersonNetwork.load(path)


def test_weights_are_taken_from_that_file_alone(tmp_path: Path) -> None:
    pytest.importorskip("tflite", reason="needs tflite (requirements/export.txt)")
    from export.person_weights import person_weights

    path = tmp_path / "other.tflite"
    with pytest.raises(ArtifactError, match="No such file"):
        person_weights(path)
    path.write_bytes(b"TFL3")
    with pytest.raises(ArtifactError, match=r"SHA-256 .* is expected"):
        person_weights(path)
