"""A network's own outputs, to compare a bundle's with."""

import torch

from export.bundle_outputs import BundleGraphs, Outputs
from export.fidelity import Fidelity
from export.networks.interface import GeneratorNetwork, NetworkSpec
from export.seeded_inputs import InputShapes, seeded_inputs
from export.verify import Check, same_pictures
from shared.bundle import Bundle
from shared.onnx_generator import AUDIO, CONDITIONS, IMAGE, PAST_PNCC
from shared.parameters import FloatArray

_SEED, _BATCH = 1, 2


def input_shapes(spec: NetworkSpec) -> InputShapes:
    """What a network takes."""
    side = spec.condition_size
    return InputShapes(
        spec.size, (spec.condition_channels, side, side), spec.history, spec.takes_audio
    )


def feature_names(spec: NetworkSpec) -> list[str]:
    """Of the graphs' tensors: `image` is the generated picture, so the reference's is `picture`."""
    return ["picture" if name == "image" else name for name in spec.features]


def network_outputs(network: GeneratorNetwork, inputs: dict[str, FloatArray]) -> Outputs:
    """What torch makes of seeded inputs, in float32."""
    network.eval()
    tensors = {name: torch.from_numpy(value) for name, value in inputs.items()}
    with torch.no_grad():
        features = network.encode(tensors[IMAGE], tensors[CONDITIONS])
        generated = network.generate(
            tensors[CONDITIONS], features, tensors.get(PAST_PNCC), tensors.get(AUDIO)
        )
    return Outputs(
        {
            name: value.numpy()
            for name, value in zip(feature_names(network.spec), features, strict=True)
        },
        generated.image.clamp(-1, 1).numpy(),
    )


def bundle_fidelity(network: GeneratorNetwork, bundle: Bundle) -> Fidelity:
    """Pictures of seeded inputs: a bundle's on ONNX Runtime against torch's in float32."""
    inputs = seeded_inputs(input_shapes(network.spec), seed=_SEED, batch=_BATCH)
    found = BundleGraphs(bundle).run(inputs).picture
    return Fidelity.of(found, network_outputs(network, inputs).picture)


def parity(network: GeneratorNetwork, bundle: Bundle) -> Check:
    """`bundle_fidelity`, judged."""
    return same_pictures(
        "the checkpoint's pictures",
        bundle_fidelity(network, bundle),
        bundle.manifest.number_format,
    )
