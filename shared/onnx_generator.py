"""The ONNX generator: a bundle's two networks behind the Generator interface."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from shared.bundle import ENCODER_NAME, FRAME_NAME, Bundle
from shared.errors import ArtifactError, InferenceError
from shared.features import Features
from shared.inference.ort import open_session
from shared.inference.session import TensorInfo
from shared.parameters import FloatArray, Image, read_only

IMAGE, CONDITIONS, PAST_PNCC, AUDIO = "image", "conditions", "past_pncc", "audio"
AUDIO_SIZE = 300
"""Floats of the optional audio input; zeros until a call carries audio features."""


class OnnxGenerator:
    """Runs a checked bundle on ONNX Runtime."""

    takes_audio: bool

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        """Raises ArtifactError when a network's tensors are not those of the manifest."""
        manifest = bundle.manifest
        self.name = manifest.name
        self.size = manifest.size
        self.channels = manifest.conditions
        self.condition_size = manifest.condition_size
        self.history = manifest.history
        self.face_model_version = manifest.face_model_version
        self._encoder = open_session(bundle.reference_encoder, threads=threads)
        self._frame = open_session(bundle.frame_generator, threads=threads)
        side = manifest.size
        image = (None, 3, side, side)
        conditions = (None, *manifest.condition_shape)
        _check(ENCODER_NAME, "inputs", self._encoder.inputs, {IMAGE: image, CONDITIONS: conditions})
        features = {info.name: tuple(info.shape) for info in self._encoder.outputs}
        expected = {CONDITIONS: conditions, **features}
        if self.history:
            expected[PAST_PNCC] = (None, 3 * self.history, *manifest.condition_size)
        self.takes_audio = any(info.name == AUDIO for info in self._frame.inputs)
        if self.takes_audio:
            expected[AUDIO] = (None, AUDIO_SIZE)
        _check(FRAME_NAME, "inputs", self._frame.inputs, expected)
        _check(FRAME_NAME, "outputs", self._frame.outputs, {IMAGE: image})
        self._silence = np.zeros((1, AUDIO_SIZE), np.float32)

    def prepare(self, image: Image, conditions: FloatArray) -> Features:
        """Run the reference encoder once."""
        outputs = self._encoder.run(
            {IMAGE: _to_planes(image, self.size), CONDITIONS: conditions[np.newaxis]}
        )
        return Features({name: read_only(value, np.float32) for name, value in outputs.items()})

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        """Run the frame generator."""
        inputs = {CONDITIONS: conditions[np.newaxis], **features.tensors}
        if self.history:
            assert past_pncc is not None
            inputs[PAST_PNCC] = past_pncc[np.newaxis]
        if self.takes_audio:
            inputs[AUDIO] = self._silence
        return _from_planes(self._frame.run(inputs)[IMAGE][0])

    def close(self) -> None:
        self._encoder.close()
        self._frame.close()


def _check(
    file: str,
    side: str,
    found: Sequence[TensorInfo],
    expected: Mapping[str, tuple[int | str | None, ...]],
) -> None:
    """Names must agree, types be float32, and sizes agree where both sides fix them."""
    shapes = {info.name: info for info in found}
    if (
        side == "inputs" and shapes.keys() != expected.keys()
    ) or not expected.keys() <= shapes.keys():
        raise ArtifactError(
            f"{file}: {side} {_names(shapes)}, the manifest asks for {_names(expected)}"
        )
    for name, shape in expected.items():
        info = shapes[name]
        if np.dtype(info.dtype) != np.float32:
            raise ArtifactError(f"{file}: {name} is {np.dtype(info.dtype)}, float32 is expected")
        fits = len(info.shape) == len(shape) and all(
            have == want or not isinstance(have, int) or not isinstance(want, int)
            for have, want in zip(info.shape, shape, strict=True)
        )
        if not fits:
            raise ArtifactError(
                f"{file}: {name} is {_shape(info.shape)}, {_shape(shape)} is expected"
            )


def _names(mapping: Mapping[str, object]) -> str:
    return ", ".join(sorted(mapping)) or "none"


def _shape(shape: Sequence[int | str | None]) -> str:
    return "x".join(str(n) if isinstance(n, int) else "B" for n in shape)


def _to_planes(image: Image, size: int) -> FloatArray:
    """(1, 3, S, S) float32 in [-1, 1]."""
    if image.shape[:2] != (size, size):
        image = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
    planes = image.transpose(2, 0, 1)[np.newaxis].astype(np.float32)
    planes *= np.float32(2 / 255)
    planes -= np.float32(1)
    return planes


def _from_planes(planes: FloatArray) -> Image:
    """(S, S, 3) uint8 of (3, S, S) in [-1, 1], values beyond it saturate."""
    levels = planes * np.float32(127.5) + np.float32(128)
    if not np.isfinite(levels).all():
        raise InferenceError("the frame generator returned numbers that are not finite")
    return np.ascontiguousarray(levels.clip(0, 255).astype(np.uint8).transpose(1, 2, 0))
