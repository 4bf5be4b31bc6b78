"""Clips and stills become prepared clips: tracked, cropped, fitted and quantised once."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from export.provenance import forbids_commercial_use
from export.training.store import LANDMARK_STEP, PreparedClip, encode_picture
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.fitting import FaceFitter
from shared.identity_message import identity_as_received
from shared.parameters import CROP_SIZE, Crop, FloatArray, Image
from shared.quantization import SYMBOL_COUNT, quantize_parameters
from shared.reference_parameters import parameters_as_received
from shared.smoothing import LandmarkSmoother
from shared.tracker import FaceTracker

VIDEO_SUFFIXES = (".mp4", ".mkv", ".mov", ".webm", ".avi")
STILL_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")

_NEUTRALS = 3
"""Neutrals fitted a clip: what a call's first reference happens to be differs."""

_LEAST_FRAMES = 10
"""A clip with fewer tracked frames is left out."""

_FRAME_NS = 40_000_000
_CROP_OVER_FACE = 2.2
"""Side of a crop over the face's height, where a source is not cropped already."""


@dataclass(frozen=True, slots=True)
class Source:
    """A clip or still that may be trained on."""

    path: Path
    identity: str
    repository: str = ""
    """That it was taken from; empty for what no manifest lists."""

    licence: str = ""
    """Of that repository."""

    @property
    def is_still(self) -> bool:
        return self.path.suffix.lower() in STILL_SUFFIXES


@dataclass(frozen=True, slots=True)
class Sources:
    """What a folder offers."""

    usable: tuple[Source, ...]
    refused: tuple[Source, ...]
    """Whose repository licence forbids commercial use; they never train what ships."""


def find_sources(folders: list[Path]) -> Sources:
    """Clips and stills of folders, by name, with identities and licences of `manifest.csv`.

    The manifest lies beside each folder; without one, or for a file that it does not list, the
    name is the identity. Raises ArtifactError for a folder without clips and stills.
    """
    usable: list[Source] = []
    refused: list[Source] = []
    for folder in folders:
        paths = sorted(
            path
            for path in folder.glob("*")
            if path.suffix.lower() in VIDEO_SUFFIXES + STILL_SUFFIXES
        )
        if not paths:
            raise ArtifactError(
                f"{folder}: no clips or stills, "
                f"{', '.join(VIDEO_SUFFIXES + STILL_SUFFIXES)} are expected"
            )
        place = folder.resolve()  # `--data .` has a manifest beside it too
        rows = _manifest(place)
        for path in paths:
            row = rows.get(f"{place.name}/{path.name}", {})
            source = Source(
                path,
                row.get("identity") or path.stem,
                row.get("source_repo") or "",
                row.get("repo_license") or "",
            )
            refuses = forbids_commercial_use(source.licence)
            (refused if refuses else usable).append(source)
    return Sources(tuple(usable), tuple(refused))


class Preparer:
    """Prepares sources one after another; one object for each process."""

    def __init__(self, model: FaceModel) -> None:
        self._model = model
        self._fitter = FaceFitter(model)

    def prepare(self, source: Source) -> PreparedClip | None:
        """None when too few frames show a face. Raises ArtifactError for an unreadable file."""
        frames = _read_still(source.path) if source.is_still else _read_video(source.path)
        tracker, smoother = FaceTracker(max_faces=1), LandmarkSmoother()
        crop: Crop | None = None
        pictures: list[NDArray[np.uint8]] = []
        landmarks: list[FloatArray] = []
        for index, image in enumerate(frames):
            faces = tracker.track(image)
            if not faces:
                smoother.reset()
                continue
            smoothed = smoother.update(faces[0].points, index * _FRAME_NS)
            crop = crop or _choose_crop(smoothed, image)
            landmarks.append(crop.to_image(smoothed.astype(np.float64)).astype(np.float32))
            pictures.append(encode_picture(_cut(image, crop)))
        if len(landmarks) < (1 if source.is_still else _LEAST_FRAMES):
            return None
        return self._fit(source, pictures, np.stack(landmarks))

    def _fit(
        self, source: Source, pictures: list[NDArray[np.uint8]], landmarks: FloatArray
    ) -> PreparedClip:
        count = len(landmarks)
        places = np.unique(np.linspace(0, count - 1, 2 * _NEUTRALS + 1)[1::2].astype(np.int32))
        people, symbols, references = [], [], []
        for place in places:
            identity, own = self._fitter.fit_reference(landmarks[place], 0)
            identity = identity_as_received(identity)
            neutral = self._model.neutral(identity)
            frames, previous = [], None
            for points in landmarks:
                previous = self._fitter.fit(points, neutral, capture_time=0, previous=previous)
                frames.append(previous)
            frames[place] = own
            people.append(identity)
            symbols.append([quantize_parameters(frame) for frame in frames])
            references.append(
                [parameters_as_received(frame).vector[:SYMBOL_COUNT] for frame in frames]
            )
        return PreparedClip(
            stem=source.path.stem,
            face_model=self._model.digest,
            identity=source.identity,
            jpeg=np.concatenate(pictures),
            offsets=np.cumsum([0, *map(len, pictures)], dtype=np.int64),
            landmarks=np.round(landmarks / LANDMARK_STEP).clip(-32768, 32767).astype(np.int16),
            fit_frames=places,
            coefficients=np.stack([one.coefficients for one in people]).astype(np.float16),
            residual=np.stack([one.residual for one in people]),
            residual_step=np.array([one.residual_step for one in people], np.float32),
            symbols=np.array(symbols, np.int16),
            reference_vectors=np.array(references, np.float16),
        )


def _manifest(folder: Path) -> dict[str, dict[str, str]]:
    path = folder.parent / "manifest.csv"
    if not path.is_file():
        return {}
    with path.open(newline="") as file:
        return {row["clip"]: row for row in csv.DictReader(file)}


def _read_video(path: Path) -> Iterator[Image]:
    try:
        with av.open(str(path)) as container:
            for frame in container.decode(video=0):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, IndexError) as err:
        raise ArtifactError(f"{path}: cannot be decoded ({err}), a video is expected") from err


def _read_still(path: Path) -> Iterator[Image]:
    decoded = cv2.imread(str(path), cv2.IMREAD_COLOR_RGB)
    if decoded is None:
        raise ArtifactError(f"{path}: cannot be decoded, a picture is expected")
    yield np.asarray(decoded, np.uint8)


def _choose_crop(points: FloatArray, image: Image) -> Crop:
    """The whole picture where it is square; else a square around the head, for the whole clip."""
    height, width = image.shape[:2]
    if height == width:
        return Crop(0.0, 0.0, float(width))
    low, high = points[:, :2].min(axis=0), points[:, :2].max(axis=0)
    size = min(_CROP_OVER_FACE * float(high[1] - low[1]), float(min(height, width)))
    x = float(np.clip((low[0] + high[0] - size) / 2, 0, width - size))
    y = float(np.clip((low[1] + high[1] - size) / 2 - 0.05 * size, 0, height - size))
    return Crop(x, y, size)


def _cut(image: Image, crop: Crop) -> Image:
    """The crop resampled to 256 x 256."""
    if image.shape[:2] == (CROP_SIZE, CROP_SIZE) and crop.size == CROP_SIZE:
        return image
    scale = CROP_SIZE / crop.size
    # Pixel centres lie at i + 0.5 in our coordinates and at i in OpenCV's.
    shift = np.array([-crop.x, -crop.y]) * scale + 0.5 * scale - 0.5
    matrix = np.array([[scale, 0.0, shift[0]], [0.0, scale, shift[1]]])
    source = image
    if scale < 0.7:  # bilinear sampling alone would alias
        source = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.4 / scale), np.uint8)
    warped = cv2.warpAffine(source, matrix, (CROP_SIZE, CROP_SIZE), flags=cv2.INTER_LINEAR)
    return np.asarray(warped, np.uint8)
