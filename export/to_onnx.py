"""A checkpoint becomes a generator bundle: two graphs, a manifest and a model card (DESIGN 5)."""

import hashlib
import json
import warnings
from collections.abc import Sequence
from pathlib import Path

import onnx
import torch
from torch import Tensor, nn

from export.model_card import CARD_NAME, model_card
from export.networks.interface import GeneratorNetwork, NetworkSpec
from export.networks.spade import AUDIO_SIZE
from export.training.checkpoint import load_checkpoint
from shared.bundle import BUNDLE_FORMAT, ENCODER_NAME, FRAME_NAME, MANIFEST_NAME
from shared.errors import ArtifactError
from shared.face_model import FaceModel

OPSET = 17
LICENCE = "evaluation only: see MODEL_CARD.md"


class _Encoder(nn.Module):
    """The once-per-reference graph."""

    def __init__(self, network: GeneratorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, conditions: Tensor) -> tuple[Tensor, ...]:
        picture, *features = self.network.encode(image, conditions)
        # An output may not be an input itself.
        return (picture * 1.0, *features)


class _FrameGenerator(nn.Module):
    """The per-frame graph; inputs in the order of `_frame_inputs`."""

    def __init__(self, network: GeneratorNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, conditions: Tensor, *others: Tensor) -> Tensor:
        rest = list(others)
        spec = self.network.spec
        features = [rest.pop(0) for _ in spec.features]
        past = rest.pop(0) if spec.history else None
        audio = rest.pop(0) if spec.takes_audio else None
        return self.network.generate(conditions, features, past, audio).image.clamp(-1, 1)


def example_inputs(
    spec: NetworkSpec, *, references: int = 1, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor | None, Tensor | None]:
    """Seeded image, conditions, past pncc and audio of the shapes that a network takes."""
    generator = torch.Generator().manual_seed(seed)

    def noise(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator)

    side = spec.condition_size
    image = noise(references, 3, spec.size, spec.size) * 2 - 1
    conditions = noise(references, spec.condition_channels, side, side) * 0.2
    past = noise(references, 3 * spec.history, side, side) if spec.history else None
    audio = noise(references, AUDIO_SIZE) - 0.5 if spec.takes_audio else None
    return image, conditions, past, audio


def write_graphs(network: GeneratorNetwork, folder: Path) -> None:
    """`reference_encoder.onnx` and `frame_generator.onnx` of a network."""
    network.eval()
    spec = network.spec
    image, conditions, past, audio = example_inputs(spec)
    names = feature_names(spec)
    with torch.no_grad():
        features = network.encode(image, conditions)
        _export(
            _Encoder(network),
            (image, conditions),
            folder / ENCODER_NAME,
            input_names=["image", "conditions"],
            output_names=names,
            dynamic=names,
        )
        frame_inputs = ["conditions", *names]
        frame = [conditions, *features]
        if past is not None:
            frame_inputs.append("past_pncc")
            frame.append(past)
        if audio is not None:
            frame_inputs.append("audio")
            frame.append(audio)
        _export(
            _FrameGenerator(network),
            tuple(frame),
            folder / FRAME_NAME,
            input_names=frame_inputs,
            output_names=["image"],
            dynamic=[*frame_inputs, "image"],
        )


def feature_names(spec: NetworkSpec) -> list[str]:
    """Of the graphs' tensors: `image` is the generated picture, so the reference's is `picture`."""
    return ["picture" if name == "image" else name for name in spec.features]


def write_bundle(
    checkpoint_path: Path, folder: Path, *, version: str, training_data: str, network: str | None
) -> None:
    """A checkpoint's averaged weights as a bundle in `folder`.

    Raises ArtifactError for a checkpoint that is none, of another network, or of another face
    model than the present one.
    """
    checkpoint = load_checkpoint(checkpoint_path, network=network)
    model = FaceModel.load()
    if checkpoint.face_model != model.digest:
        raise ArtifactError(
            f"{checkpoint_path}: learnt with face model {checkpoint.face_model[:16]}, "
            f"the present one is {model.digest[:16]}"
        )
    built = checkpoint.build_average()
    folder.mkdir(parents=True, exist_ok=True)
    write_graphs(built, folder)
    card = model_card(built, checkpoint, checkpoint_path.parent, training_data=training_data)
    (folder / CARD_NAME).write_text(card)
    write_manifest(
        built.spec,
        folder,
        version=version,
        training_data=training_data,
        face_model_version=model.version,
    )


def write_manifest(
    spec: NetworkSpec, folder: Path, *, version: str, training_data: str, face_model_version: int
) -> None:
    """`bundle.json` of the files in `folder`; last, so that a bundle is whole or none."""
    files = [ENCODER_NAME, FRAME_NAME]
    if (folder / CARD_NAME).is_file():
        files.append(CARD_NAME)
    manifest = {
        "format": BUNDLE_FORMAT,
        "name": spec.name,
        "version": version,
        "size": spec.size,
        "conditions": list(spec.channels),
        "condition_size": [spec.condition_size, spec.condition_size],
        "history": spec.history,
        "face_model_version": face_model_version,
        "licence": LICENCE,
        "training_data": training_data,
        "files": {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in files},
    }
    (folder / MANIFEST_NAME).write_text(json.dumps(manifest, indent=1) + "\n")


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    path: Path,
    *,
    input_names: Sequence[str],
    output_names: Sequence[str],
    dynamic: Sequence[str],
) -> None:
    with warnings.catch_warnings():
        # Sides are constants by contract; the tracer warns of each, and of its own old age.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            inputs,
            str(path),
            opset_version=OPSET,
            dynamo=False,
            do_constant_folding=True,
            input_names=list(input_names),
            output_names=list(output_names),
            dynamic_axes={name: {0: "batch"} for name in dynamic},
        )
    onnx.checker.check_model(str(path))
