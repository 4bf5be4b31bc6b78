"""How long the stages of a call take beside tracking: ratios, which differ little by machine."""

from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter_ns

from sender.portrait import MovedPortrait
from shared.errors import ArtifactError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.fitting import FaceFitter
from shared.generator import load_generator
from shared.parameters import CROP_SIZE, Crop, Reference
from shared.shipped_generators import WARP, default_generator
from shared.tracker import FaceTracker

_FRAMES = 60
_WARM_UP = 10
"""Frames that are not counted."""


def stage_ratios() -> dict[str, float | None]:
    """Medians over frames of the portrait, each over tracking's; stages of a frame by turns, so
    that whatever slows this machine slows them all. Some 5 s."""
    model = FaceModel.load()
    portrait, tracker, fitter = MovedPortrait(), FaceTracker(max_faces=1), FaceFitter(model)
    crop = Crop(x=0.0, y=0.0, size=float(CROP_SIZE))
    picture = portrait.render(0)
    faces = tracker.track(picture)
    if not faces:
        raise ArtifactError("no face in the portrait, one is expected")
    identity, rest = fitter.fit_reference(crop.to_image(faces[0].points), 0)
    neutral = model.neutral(identity)
    reference = Reference(0, 0, crop, identity, rest, picture)
    renderers = {name: FaceRenderer(model, load_generator(name)) for name in _generators()}
    prepared = {name: renderer.prepare(reference) for name, renderer in renderers.items()}
    times: dict[str, list[float]] = {}

    @contextmanager
    def timed(name: str) -> Iterator[None]:
        start_ns = perf_counter_ns()
        yield
        times.setdefault(name, []).append(perf_counter_ns() - start_ns)

    face = rest
    for index in range(_WARM_UP + _FRAMES):
        image = portrait.render(index)
        with timed("track"):
            faces = tracker.track(image)
        if not faces:
            raise ArtifactError(f"no face in frame {index} of the portrait, one is expected")
        points = crop.to_image(faces[0].points)
        with timed("fit"):
            face = fitter.fit(points, neutral, capture_time=0, previous=face)
        for name, renderer in renderers.items():
            with timed(name):
                renderer.render(prepared[name], face)
    tracking = median(times["track"][_WARM_UP:])
    return {
        f"ratios/{name}_over_track": median(values[_WARM_UP:]) / tracking
        for name, values in times.items()
        if name != "track"
    }


def _generators() -> tuple[str, ...]:
    return tuple(dict.fromkeys((WARP, default_generator())))
