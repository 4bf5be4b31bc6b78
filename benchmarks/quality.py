"""`python -m benchmarks quality`: how like the rebuilt pictures are to the true ones."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.clip import Clip
from benchmarks.contact_sheet import ContactSheet
from benchmarks.driving import (
    DrivingSource,
    FixedSource,
    PolicySource,
    TrackedClip,
    choose_references,
    first_face,
)
from benchmarks.identity_similarity import IdentityNetwork
from benchmarks.machine import machine_facts
from benchmarks.offline_call import OfflineCall
from benchmarks.picture_metrics import (
    landmark_distance,
    mean_absolute_error,
    peak_signal_to_noise,
    sharpness,
    structural_similarity,
)
from benchmarks.still import StillGenerator
from sender.crop_image import crop_image
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import WARP, Generator, load_generator
from shared.metrics import Metrics
from shared.parameters import CROP_SIZE, Image
from shared.tracker import FaceTracker, Landmarks

_CSIM_EVERY = 5
"""The recognition network is slow: each fifth measured frame."""


class ReferenceChoice(StrEnum):
    """Where references come from."""

    FIRST = "first"
    """The first frame with a face, from the start."""

    ONE = "1"
    """The frame nearest to all others, known from the future."""

    FOUR = "4"
    """The four that together lie nearest to all others."""

    POLICY = "policy"
    """The sender's own: causal, within its byte budget."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Of one generator on one clip, or their mean; NaN where nothing could be measured."""

    frames: int
    """Measured: references themselves and frames without a face are left out."""

    l1: float
    """Levels of 255."""

    psnr_db: float
    ssim: float

    akd_px: float
    """Mean landmark distance, driving to rebuilt, pixels at 256 x 256."""

    csim: float
    """Of rebuilt to driving frame, 1 is the same; NaN without the recognition network."""

    sharpness: float
    """Of the rebuilt picture over that of the driving one; 1 is as sharp."""

    faces_lost: int
    """Measured frames in whose rebuilt picture the tracker finds no face."""


@dataclass(frozen=True, slots=True)
class ClipScores:
    """One generator on one clip."""

    clip: str
    generator: str
    scores: Scores


class _Measure:
    """Collects one generator's numbers on one clip."""

    def __init__(self, renderer: FaceRenderer, identity: IdentityNetwork | None) -> None:
        self.name = renderer.generator.name
        self._identity = identity
        self._tracker = FaceTracker()
        self._rows: list[tuple[float, ...]] = []
        self._lost = 0

    def add(self, image: Image, truth: Image, true_face: Landmarks | None) -> float:
        """Measure one picture; the landmark distance, NaN without a face in either."""
        faces = self._tracker.track(image)
        distance = similarity = np.nan
        if true_face is not None and faces:
            distance = landmark_distance(faces[0].points, true_face.points)
            if self._identity is not None and len(self._rows) % _CSIM_EVERY == 0:
                own = self._identity.embed(truth, true_face.points)
                similarity = float(own @ self._identity.embed(image, faces[0].points))
        self._lost += not faces
        self._rows.append(
            (
                mean_absolute_error(image, truth),
                peak_signal_to_noise(image, truth),
                structural_similarity(image, truth),
                distance,
                similarity,
                sharpness(image) / max(sharpness(truth), 1e-6),
            )
        )
        return distance

    def scores(self) -> Scores:
        table = np.array(self._rows, np.float64).reshape(-1, 6)
        l1, psnr_db, ssim, akd_px, csim, sharp = (_finite_mean(column) for column in table.T)
        return Scores(len(table), l1, psnr_db, ssim, akd_px, csim, sharp, self._lost)


def measure_clip(
    source: DrivingSource,
    renderers: Sequence[FaceRenderer],
    *,
    every: int,
    identity: IdentityNetwork | None = None,
    sheet: ContactSheet | None = None,
    lossless_parameters: bool = False,
) -> list[Scores]:
    """Play a clip once through an offline call for each renderer; measure each `every`-th frame.

    References themselves are left out, and frames without a face.
    """
    tracker = FaceTracker()
    calls = [
        OfflineCall(renderer, lossless_parameters=lossless_parameters) for renderer in renderers
    ]
    measures = [_Measure(renderer, identity) for renderer in renderers]
    reference_times: set[int] = set()
    for driving in source.play():
        reference_times |= {ref.parameters.capture_time for ref in driving.references}
        shown = [call.show(driving) for call in calls]
        parameters, crop = driving.parameters, driving.crop
        if driving.frame.index % every or parameters is None or crop is None:
            continue
        if parameters.capture_time in reference_times:
            continue
        truth = crop_image(driving.frame.image, crop, CROP_SIZE)
        true_face = next(iter(tracker.track(truth)), None)
        for measure, rebuilt in zip(measures, shown, strict=True):
            if rebuilt.image is None:
                continue
            distance = measure.add(rebuilt.image, truth, true_face)
            if sheet is not None:
                sheet.offer(measure.name, truth, rebuilt.image, distance)
    return [measure.scores() for measure in measures]


def _finite_mean(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")


def mean_scores(scores: Sequence[Scores]) -> Scores:
    """Every clip counts alike; counts are summed."""
    columns = {
        field.name: np.array([getattr(one, field.name) for one in scores], np.float64)
        for field in fields(Scores)
    }
    return Scores(
        frames=int(columns["frames"].sum()),
        faces_lost=int(columns["faces_lost"].sum()),
        **{
            name: _finite_mean(column)
            for name, column in columns.items()
            if name not in ("frames", "faces_lost")
        },
    )


def reference_source(choice: ReferenceChoice, clip: Clip, model: FaceModel) -> DrivingSource:
    """The clip played with references of that choice."""
    if choice is ReferenceChoice.POLICY:
        return PolicySource(clip, model)
    tracked = TrackedClip.track(clip)
    frames: tuple[int, ...] = (first_face(tracked),)
    if choice is not ReferenceChoice.FIRST:
        frames = choose_references(tracked, model, int(choice.value))
    return FixedSource(tracked, model, frames)


def command(
    data: Annotated[Path, typer.Option(help="A clip, or a folder of clips.")],
    bundle: Annotated[
        list[str] | None, typer.Option(help="Generators beside `still`; may be repeated.")
    ] = None,
    references: Annotated[ReferenceChoice, typer.Option()] = ReferenceChoice.POLICY,
    every: Annotated[int, typer.Option(min=1, help="Measure each so many-th frame.")] = 5,
    identity_weights: Annotated[
        Path | None, typer.Option(help="MobileFaceNet as .npz, for CSIM.")
    ] = None,
    lossless_parameters: Annotated[bool, typer.Option("--lossless-parameters")] = False,
    json_path: Annotated[Path | None, typer.Option("--json", metavar="FILE")] = None,
    sheet_path: Annotated[
        Path | None, typer.Option("--contact-sheet", help="PNG of each clip's worst frame.")
    ] = None,
) -> None:
    """Still reference against generators: L1, PSNR, SSIM, AKD, CSIM and sharpness, clip by clip."""
    clips = [Clip.open(path) for path in _clip_paths(data)]
    model, metrics = FaceModel.load(), Metrics()
    identity = None if identity_weights is None else IdentityNetwork(identity_weights)
    generators: list[Generator] = [StillGenerator()]
    generators += [load_generator(name) for name in bundle or [WARP]]
    renderers = [FaceRenderer(model, generator, metrics) for generator in generators]
    for renderer in renderers:
        renderer.warm_up()
    sheet = None if sheet_path is None else ContactSheet()
    rows: list[ClipScores] = []
    for clip in clips:
        source = reference_source(references, clip, model)
        scores = measure_clip(
            source,
            renderers,
            every=every,
            identity=identity,
            sheet=sheet,
            lossless_parameters=lossless_parameters,
        )
        for generator, one in zip(generators, scores, strict=True):
            rows.append(ClipScores(clip.path.stem, generator.name, one))
        typer.echo(f"{clip.path.stem}: {_text(scores[-1])}", err=True)
        if sheet is not None:
            sheet.end_clip()
    means = [
        ClipScores("mean", name, mean_scores([row.scores for row in rows if row.generator == name]))
        for name in dict.fromkeys(generator.name for generator in generators)
    ]
    _print_table([*rows, *means])
    if sheet is not None and sheet_path is not None:
        sheet.save(sheet_path)
    if json_path is not None:
        report = {
            "machine": machine_facts().as_json(),
            "references": references.value,
            "every": every,
            "lossless_parameters": lossless_parameters,
            "clips": [asdict(row) for row in rows],
            "means": [asdict(row) for row in means],
        }
        json_path.write_text(json.dumps(report, indent=1) + "\n")


def _clip_paths(data: Path) -> list[Path]:
    paths = sorted(data.glob("*.mp4")) if data.is_dir() else [data]
    if not paths:
        raise ArtifactError(f"{data}: no *.mp4 in it, a clip or a folder of clips is expected")
    return paths


def _print_table(rows: Sequence[ClipScores]) -> None:
    names = [field.name for field in fields(Scores)]
    table = Table("clip", "generator", *names)
    for row in rows:
        values = [getattr(row.scores, name) for name in names]
        table.add_row(row.clip, row.generator, *map(_number, values))
    Console(width=160).print(table)


def _number(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.3f}"


def _text(scores: Scores) -> str:
    return ", ".join(f"{name} {_number(value)}" for name, value in asdict(scores).items())
