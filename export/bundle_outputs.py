"""A bundle's two graphs, run by a back end as they are, without what a call adds."""

from dataclasses import dataclass

import numpy as np

from export.seeded_inputs import InputShapes
from shared.bundle import Bundle
from shared.inference.ort import CpuBackend
from shared.inference.session import Backend
from shared.onnx_generator import AUDIO, CONDITIONS, IMAGE
from shared.parameters import FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Outputs:
    """What a generator made of a batch of inputs."""

    features: dict[str, FloatArray]
    """By name, of all references."""

    picture: FloatArray
    """(B, 3, S, S) in [-1, 1]."""


class BundleGraphs:
    """Both graphs of a checked bundle, open."""

    def __init__(self, bundle: Bundle, backend: Backend | None = None) -> None:
        """On ONNX Runtime on the CPU where no back end is given.

        Raises ArtifactError for a file that is no network, ConfigError and InferenceError for
        one that the back end does not run.
        """
        backend = backend or CpuBackend()
        self._encoder = backend.open(bundle.reference_encoder, is_rare=True)
        self._frame = backend.open(bundle.frame_generator, largest_batch=backend.largest_batch)
        takes_audio = any(info.name == AUDIO for info in self._frame.inputs)
        self.shapes = InputShapes.of_bundle(bundle.manifest, takes_audio=takes_audio)

    def run(self, inputs: dict[str, FloatArray]) -> Outputs:
        """References one by one, as at run time; frames as one batch.

        Raises InferenceError when a graph refuses its inputs.
        """
        encoded = [
            self._encoder.run({name: inputs[name][i : i + 1] for name in (IMAGE, CONDITIONS)})
            for i in range(len(inputs[IMAGE]))
        ]
        features = {name: np.concatenate([one[name] for one in encoded]) for name in encoded[0]}
        return Outputs(features, self.generate(features, inputs))

    def generate(
        self, features: dict[str, FloatArray], inputs: dict[str, FloatArray]
    ) -> FloatArray:
        """Pictures of a batch of frames; `image` of the inputs is left out."""
        frame_inputs = {name: value for name, value in inputs.items() if name != IMAGE}
        return self._frame.run({**frame_inputs, **features})[IMAGE]
