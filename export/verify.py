"""Parity of a bundle's graphs, run by ONNX Runtime, with the network they were exported from."""

from pathlib import Path

import numpy as np
import torch

from export.networks.interface import GeneratorNetwork
from export.to_onnx import example_inputs, feature_names
from shared.bundle import load_bundle
from shared.inference.ort import open_session

TOLERANCE = 1e-3
"""Of pictures in [-1, 1], float32."""


def largest_difference(network: GeneratorNetwork, folder: Path, *, batch: int = 2) -> float:
    """Of the pictures of seeded inputs, torch against ONNX Runtime, over a batch."""
    bundle, spec = load_bundle(folder), network.spec
    image, conditions, past, audio = example_inputs(spec, references=batch, seed=1)
    network.eval()
    with torch.no_grad():
        features = network.encode(image, conditions)
        expected = network.generate(conditions, features, past, audio).image.clamp(-1, 1)
    encoder = open_session(bundle.reference_encoder)
    frame = open_session(bundle.frame_generator)
    # References are encoded one by one, as at run time; frames go as one batch.
    encoded = [
        encoder.run(
            {"image": image[i : i + 1].numpy(), "conditions": conditions[i : i + 1].numpy()}
        )
        for i in range(batch)
    ]
    inputs = {"conditions": conditions.numpy()}
    for name in feature_names(spec):
        inputs[name] = np.concatenate([one[name] for one in encoded])
    if past is not None:
        inputs["past_pncc"] = past.numpy()
    if audio is not None:
        inputs["audio"] = audio.numpy()
    found = frame.run(inputs)["image"]
    return float(np.abs(found - expected.numpy()).max())
