"""The ONNX generator: a bundle's two networks behind the Generator interface."""

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from shared.bundle import ENCODER_NAME, FRAME_NAME, Bundle
from shared.errors import ArtifactError, InferenceError
from shared.features import Features
from shared.frame_input import FrameInput
from shared.inference.ort import CpuBackend
from shared.inference.session import Backend, PlacedSession, Tensor, TensorInfo
from shared.parameters import FloatArray, Image, read_only

IMAGE, CONDITIONS, PAST_PNCC, AUDIO = "image", "conditions", "past_pncc", "audio"
AUDIO_SIZE = 300
"""Floats of the optional audio input; zeros until a call carries audio features."""

_Shape = tuple[int | None, ...]
_BATCH = None
"""The dynamic axis: frames of several calls may be generated together."""


class OnnxGenerator:
    """Runs a checked bundle on a back end."""

    def __init__(self, bundle: Bundle, *, threads: int = 1, backend: Backend | None = None) -> None:
        """`threads`: of the CPU, where no back end is given.

        Raises ArtifactError when a network's tensors are not those of the manifest, ConfigError
        and DeviceMemoryError when the back end cannot run it.
        """
        backend = backend or CpuBackend(threads=threads)
        manifest = bundle.manifest
        self.name = manifest.name
        self.size = manifest.size
        self.channels = manifest.conditions
        self.condition_size = manifest.condition_size
        self.history = manifest.history
        self.largest_batch = backend.largest_batch
        self._encoder = _open(backend, ENCODER_NAME, bundle.reference_encoder, is_rare=True)
        self._frame = _open(
            backend, FRAME_NAME, bundle.frame_generator, largest_batch=backend.largest_batch
        )
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
        """Run the reference encoder once; its features stay on the device."""
        outputs = self._encoder.run_kept(
            {IMAGE: _to_planes(image, self.size), CONDITIONS: conditions[np.newaxis]}
        )
        return Features({name: _unchanging(value) for name, value in outputs.items()})

    def generate(
        self, features: Features, conditions: FloatArray, past_pncc: FloatArray | None = None
    ) -> Image:
        """Run the frame generator."""
        return self._run([FrameInput(features, conditions, past_pncc)])[0]

    def generate_batch(self, frames: Sequence[FrameInput]) -> list[Image]:
        """Run the frame generator for as many at a time as the back end gains by."""
        pictures: list[Image] = []
        for start in range(0, len(frames), self.largest_batch):
            pictures += self._run(frames[start : start + self.largest_batch])
        return pictures

    def _run(self, frames: Sequence[FrameInput]) -> list[Image]:
        planes = self._frame.run_rows([self._row(frame) for frame in frames])[IMAGE]
        return [_from_planes(one) for one in planes]

    def _row(self, frame: FrameInput) -> dict[str, Tensor]:
        row = {CONDITIONS: frame.conditions[np.newaxis], **frame.features.tensors}
        if self.history:
            assert frame.past_pncc is not None
            row[PAST_PNCC] = frame.past_pncc[np.newaxis]
        if self._takes_audio:
            row[AUDIO] = self._silence
        return row

    def close(self) -> None:
        self._encoder.close()
        self._frame.close()


def _open(
    backend: Backend,
    file: str,
    content: bytes,
    *,
    largest_batch: int = 1,
    is_rare: bool = False,
) -> PlacedSession:
    try:
        return backend.open(content, largest_batch=largest_batch, is_rare=is_rare)
    except ArtifactError as err:
        raise ArtifactError(f"{file}: {err}") from err


def _unchanging(value: Tensor) -> Tensor:
    return read_only(value, np.float32) if isinstance(value, np.ndarray) else value


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
