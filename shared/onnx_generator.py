"""The ONNX generator: a bundle's two networks behind the Generator interface."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from shared.bundle import ENCODER_NAME, FRAME_NAME, Bundle
from shared.errors import ArtifactError, InferenceError
from shared.features import Features
from shared.frame_input import FrameInput
from shared.inference.ort import open_session
from shared.inference.session import Session, TensorInfo
from shared.parameters import FloatArray, Image, read_only

IMAGE, CONDITIONS, PAST_PNCC, AUDIO = "image", "conditions", "past_pncc", "audio"
AUDIO_SIZE = 300
"""Floats of the optional audio input; zeros until a call carries audio features."""

_Shape = tuple[int | None, ...]
_BATCH = None
"""The dynamic axis: frames of several calls may be generated together."""


class OnnxGenerator:
    """Runs a checked bundle on ONNX Runtime."""

    largest_batch = 1

    def __init__(self, bundle: Bundle, *, threads: int = 1) -> None:
        """Raises ArtifactError when a network's tensors are not those of the manifest."""
        manifest = bundle.manifest
        self.name = manifest.name
        self.size = manifest.size
        self.channels = manifest.conditions
        self.condition_size = manifest.condition_size
        self.history = manifest.history
        self._encoder = _open(ENCODER_NAME, bundle.reference_encoder, threads, is_rare=True)
        self._frame = _open(FRAME_NAME, bundle.frame_generator, threads)
        side = manifest.size
        condition_shape = manifest.condition_shape
        _check(
            ENCODER_NAME,
            "inputs",
            self._encoder.inputs,
            {IMAGE: (1, 3, side, side), CONDITIONS: (1, *condition_shape)},
        )
        features = {info.name: (_BATCH, *info.shape[1:]) for info in self._encoder.outputs}
        expected = {CONDITIONS: (_BATCH, *condition_shape), **features}
        if self.history:
            expected[PAST_PNCC] = (_BATCH, 3 * self.history, *manifest.condition_size)
        self._takes_audio = any(info.name == AUDIO for info in self._frame.inputs)
        if self._takes_audio:
            expected[AUDIO] = (_BATCH, AUDIO_SIZE)
        _check(FRAME_NAME, "inputs", self._frame.inputs, expected)
        _check(FRAME_NAME, "outputs", self._frame.outputs, {IMAGE: (_BATCH, 3, side, side)})
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
        if self._takes_audio:
            inputs[AUDIO] = self._silence
        return _from_planes(self._frame.run(inputs)[IMAGE][0])

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        """One after the other: `lite` on one core takes 19.7 ms a frame alone, 21.5 ms a frame
        as a batch of two and 22.4 ms as a batch of four."""
        return [self.generate(one.features, one.conditions, one.past_pncc) for one in frames]

    def close(self) -> None:
        self._encoder.close()
        self._frame.close()


def _open(file: str, content: bytes, threads: int, *, is_rare: bool = False) -> Session:
    try:
        return open_session(content, threads=threads, is_rare=is_rare)
    except ArtifactError as err:
        raise ArtifactError(f"{file}: {err}") from err


def _check(
    file: str, side: str, found: Sequence[TensorInfo], expected: Mapping[str, _Shape]
) -> None:
    """Names must agree, types be float32, and sizes be those expected or dynamic."""
    infos = {info.name: info for info in found}
    if infos.keys() != expected.keys():
        raise ArtifactError(
            f"{file}: {side} {_names(infos)}, the manifest asks for {_names(expected)}"
        )
    for name, shape in expected.items():
        info = infos[name]
        if info.dtype != np.float32:
            raise ArtifactError(f"{file}: {name} is {info.dtype}, float32 is expected")
        fits = len(info.shape) == len(shape) and all(
            have is None or have == want for have, want in zip(info.shape, shape, strict=True)
        )
        if not fits:
            raise ArtifactError(
                f"{file}: {name} is {_text(info.shape)}, {_text(shape)} is expected"
            )


def _names(mapping: Mapping[str, object]) -> str:
    return ", ".join(sorted(mapping)) or "none"


def _text(shape: _Shape) -> str:
    return "x".join("B" if n is None else str(n) for n in shape)


def _to_planes(image: Image, size: int) -> FloatArray:
    """(1, 3, S, S) float32 in [-1, 1]."""
    if image.shape[:2] != (size, size):
        resized = cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA)
        image = np.asarray(resized, np.uint8)
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
