"""A checkpoint becomes a generator bundle: two graphs, a manifest and a model card (DESIGN 5)."""

import hashlib
import warnings
from collections.abc import Sequence
from copy import deepcopy
from functools import partial
from pathlib import Path

import onnx
import torch
from pydantic import ValidationError
from torch import Tensor, nn

from export.card_tables import data_summary
from export.fidelity import Fidelity
from export.golden import BATCH, SEED, describe, write_golden
from export.model_card import CardMaterial, model_card
from export.networks.graphs import EncoderGraph, FrameGraph
from export.networks.interface import GeneratorNetwork, NetworkSpec
from export.networks.number_format import set_number_format
from export.parity import bundle_fidelity, feature_names, input_shapes, network_outputs
from export.seeded_inputs import seeded_inputs
from export.training.checkpoint import Checkpoint
from export.verify import CARD_NAME, OPSET
from shared.bundle import (
    BUNDLE_FORMAT,
    ENCODER_NAME,
    FRAME_NAME,
    MANIFEST_NAME,
    BundleNumberFormat,
    Manifest,
    load_bundle,
)
from shared.errors import ArtifactError, ConfigError
from shared.face_model import FaceModel
from shared.number_format import NumberFormat
from shared.onnx_generator import CONDITIONS, IMAGE

LICENCE = "evaluation only: see MODEL_CARD.md"


def write_graphs(
    network: GeneratorNetwork, folder: Path, number_format: NumberFormat = NumberFormat.FLOAT32
) -> None:
    """`reference_encoder.onnx` and `frame_generator.onnx` of a network, float32 outside."""
    network = deepcopy(network).eval()
    set_number_format(network, number_format)
    spec = network.spec
    example = seeded_inputs(input_shapes(spec), seed=0, batch=1)
    inputs = {name: torch.from_numpy(value) for name, value in example.items()}
    image, conditions = inputs.pop(IMAGE), inputs.pop(CONDITIONS)
    names = feature_names(spec)
    with torch.no_grad():
        features = network.encode(image, conditions)
        _export(
            EncoderGraph(network),
            (image, conditions),
            folder / ENCODER_NAME,
            input_names=[IMAGE, CONDITIONS],
            output_names=names,
            dynamic=names,
        )
        frame_inputs = [CONDITIONS, *names, *inputs]
        frame = [conditions, *(feature.float() for feature in features), *inputs.values()]
        _export(
            FrameGraph(network, [feature.dtype for feature in features]),
            tuple(frame),
            folder / FRAME_NAME,
            input_names=frame_inputs,
            output_names=[IMAGE],
            dynamic=[*frame_inputs, IMAGE],
        )


def write_bundle(
    checkpoint: Checkpoint,
    folder: Path,
    *,
    version: str,
    material: CardMaterial,
    number_format: BundleNumberFormat = NumberFormat.FLOAT32,
) -> Fidelity:
    """A checkpoint's averaged weights as a bundle in `folder`, beside pictures of its card.

    Returns how near the bundle's pictures are to those of the network in float32.

    Raises ArtifactError for a checkpoint of another face model than the present one, or weights
    that are not its network's.
    """
    model = FaceModel.load()
    if checkpoint.face_model != model.digest:
        raise ArtifactError(
            f"{checkpoint.path}: learnt with face model {checkpoint.face_model[:16]}, "
            f"the present one is {model.digest[:16]}"
        )
    network = checkpoint.build_average()
    write_graphs(network, folder, number_format)
    inputs = seeded_inputs(input_shapes(network.spec), seed=SEED, batch=BATCH)
    write_golden(folder, describe(network_outputs(network, inputs)))
    manifest = partial(
        write_manifest,
        network.spec,
        folder,
        version=version,
        training_data=data_summary(material.sources),
        face_model_version=model.version,
        number_format=number_format,
    )
    manifest()  # the card tells what a run of the bundle gave
    fidelity = bundle_fidelity(network, load_bundle(folder))
    card = model_card(
        network,
        checkpoint,
        version=version,
        material=material,
        number_format=number_format,
        fidelity=fidelity,
    )
    (folder / CARD_NAME).write_text(card, encoding="utf-8")
    manifest()
    return fidelity


def write_manifest(
    spec: NetworkSpec,
    folder: Path,
    *,
    version: str,
    training_data: str,
    face_model_version: int,
    number_format: BundleNumberFormat = NumberFormat.FLOAT32,
) -> None:
    """`bundle.json` of the files in `folder`. Raises ConfigError for a version that is none."""
    paths = sorted(path for path in folder.iterdir() if path.name != MANIFEST_NAME)
    try:
        manifest = Manifest(
            format=BUNDLE_FORMAT,
            name=spec.name,
            version=version,
            size=spec.size,
            conditions=spec.channels,
            condition_size=(spec.condition_size, spec.condition_size),
            history=spec.history,
            number_format=number_format,
            face_model_version=face_model_version,
            licence=LICENCE,
            training_data=training_data,
            files={path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths},
        )
    except ValidationError as err:
        first = err.errors(include_url=False, include_context=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{place} {str(first['input'])[:60]!r}: {first['msg']}") from err
    (folder / MANIFEST_NAME).write_text(manifest.model_dump_json(indent=1) + "\n")


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
