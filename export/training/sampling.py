"""Samples of training: a reference and driving frames of one person, as a call would have them.

A sample is a pure function of seed and number, so that training resumes exactly and workers need
no state. torch-free.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from export.training.face_alignment import alignment, mouth_centre
from export.training.flow_teacher import TEACHER_SIZE, FlowTeacher
from export.training.pictures import PictureChange, degrade_reference, move_picture
from export.training.store import PreparedClip
from shared.channel import Channel
from shared.conditions import ConditionRenderer
from shared.face_model import FaceModel
from shared.parameters import CROP_SIZE, FaceParameters, FloatArray, Image
from shared.quantization import dequantize_parameters, quantize_parameters
from shared.reference_parameters import parameters_as_received
from shared.reference_set import pose_expression_embedding
from shared.rotation import matrix_from_rotation_vector, rotation_vector_from_matrix

_NEAREST_SHARE = 0.5
"""Of the samples: the reference is the nearest of a set of four, as at run time."""

_SET_SIZE = 4
_OWN_NEUTRAL_SHARE = 0.35
"""Of the references: the very frame that gave the neutral, as a set's first one is."""

_STILL_SHARE = 0.15
"""Of the samples, where there are stills."""

_TURN_RAD = np.array([0.12, 0.25, 0.08])
"""Spread of the turns by which stills are re-rendered."""

_MIRROR_ROTATION = np.array([1, -1, -1], np.float32)


@dataclass(frozen=True, slots=True)
class SampleShape:
    """What a network takes."""

    channels: tuple[Channel, ...]
    condition_size: int
    history: int
    drivings: int = 2
    """Driving frames a reference: its features are computed once for all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One reference and D driving frames."""

    reference: Image
    """(S, S, 3), degraded as a transmitted one."""

    own_conditions: FloatArray
    """(C, h, h) of the reference itself."""

    targets: NDArray[np.uint8]
    """(D, S, S, 3) the driving pictures."""

    conditions: FloatArray
    """(D, C, h, h)."""

    past_pncc: FloatArray
    """(D, 3k, h, h), newest first."""

    flows: FloatArray
    """(D, 3, 64, 64) measured flow and how far it can be trusted (`flow_teacher`)."""

    alignments: FloatArray
    """(D, 2, 3): from the aligned face's coordinates to the picture's (`face_alignment`)."""

    mouths: FloatArray
    """(D, 2) centres, image coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class _Pose:
    """A frame to be rendered: its picture and where its face is."""

    image: Image
    parameters: FaceParameters
    past: tuple[FaceParameters, ...]
    points: FloatArray
    """(478, 3) landmarks."""


class SampleMaker:
    """Makes samples from prepared clips and stills. Not thread-safe; one for each worker."""

    def __init__(
        self, clips: Sequence[PreparedClip], model: FaceModel, shape: SampleShape, *, seed: int
    ) -> None:
        self._model = model
        self._shape = shape
        self._seed = seed
        self._clips = [clip for clip in clips if clip.frame_count > 1]
        self._stills = [clip for clip in clips if clip.frame_count == 1]
        self._weights = _clip_weights(self._clips)
        self._still_share = _STILL_SHARE if self._stills else 0.0
        self._renderer = ConditionRenderer(
            model, height=shape.condition_size, width=shape.condition_size, channels=shape.channels
        )
        self._teacher = FlowTeacher()
        self._mesh_renderer = ConditionRenderer(
            model, height=TEACHER_SIZE, width=TEACHER_SIZE, channels=(Channel.DISPLACEMENT,)
        )
        self._flow_renderer = ConditionRenderer(
            model, height=CROP_SIZE, width=CROP_SIZE, channels=(Channel.DISPLACEMENT,)
        )

    def make(self, number: int, progress: float) -> Sample:
        """The sample of that number; `progress` in [0, 1] of the training sets the pose gaps."""
        rng = np.random.default_rng([self._seed, number])
        if not self._clips or rng.random() < self._still_share:
            clip = self._stills[rng.integers(len(self._stills))]
            return self._from_still(clip, rng)
        clip = self._clips[rng.choice(len(self._clips), p=self._weights)]
        neutral = int(rng.integers(clip.neutral_count))
        reference, drivings = choose_frames(clip, neutral, self._shape.drivings, progress, rng)
        return self.render(clip, neutral, reference, drivings, rng)

    def render(
        self,
        clip: PreparedClip,
        neutral: int,
        reference: int,
        drivings: Sequence[int],
        rng: np.random.Generator | None = None,
    ) -> Sample:
        """The sample of given frames; without `rng` nothing is changed or degraded."""
        return self._assemble(
            self._model.neutral(clip.person(neutral)),
            clip.image(reference),
            clip.reference(neutral, reference),
            [self._pose(clip, neutral, frame) for frame in drivings],
            rng,
        )

    def _pose(self, clip: PreparedClip, neutral: int, frame: int) -> _Pose:
        return _Pose(
            image=clip.image(frame),
            parameters=clip.driving(neutral, frame),
            past=tuple(
                clip.driving(neutral, max(frame - back, 0))
                for back in range(1, self._shape.history + 1)
            ),
            points=clip.points(frame),
        )

    def _from_still(self, clip: PreparedClip, rng: np.random.Generator) -> Sample:
        """SliderGAN's 3D-warped pairs, the other way round.

        The re-rendered picture is the reference and the photograph the target, so that what
        re-rendering tears is repaired rather than learnt; further targets are re-rendered.
        """
        neutral = self._model.neutral(clip.person(0))
        own = clip.reference(0, 0)
        image = clip.image(0)
        changed = parameters_as_received(self._other_pose(own, rng, strength=1.0))
        poses = [self._pose(clip, 0, 0)]
        while len(poses) < self._shape.drivings:
            mild = self._other_pose(own, rng, strength=0.4)
            quantised = dequantize_parameters(quantize_parameters(mild), capture_time=0)
            poses.append(
                _Pose(
                    image=self._re_render(image, neutral, own, mild),
                    parameters=quantised,
                    past=(quantised,) * self._shape.history,
                    points=self._model.vertices(neutral, mild),
                )
            )
        picture = self._re_render(image, neutral, own, changed)
        return self._assemble(neutral, picture, changed, poses, rng)

    def _other_pose(
        self, own: FaceParameters, rng: np.random.Generator, *, strength: float
    ) -> FaceParameters:
        """Another expression, taken from a clip where there is one, and a turned head."""
        vector = own.vector
        if self._clips:
            clip = self._clips[rng.choice(len(self._clips), p=self._weights)]
            other = clip.driving(0, int(rng.integers(clip.frame_count))).expression
        else:
            other = rng.normal(size=len(own.expression)).astype(np.float32)
        vector[: len(other)] += (other - own.expression) * np.float32(strength * rng.random())
        turn = matrix_from_rotation_vector(rng.normal(size=3) * _TURN_RAD * strength)
        turned = turn @ matrix_from_rotation_vector(own.rotation)
        vector[29:32] = rotation_vector_from_matrix(turned)
        vector[28] += np.float32(rng.normal() * 0.05 * strength)
        vector[32:34] += (rng.normal(size=2) * 0.05 * strength).astype(np.float32)
        return FaceParameters.from_vector(vector, capture_time=0)

    def _re_render(
        self, image: Image, neutral: FloatArray, own: FaceParameters, wanted: FaceParameters
    ) -> Image:
        head = self._model.head(neutral, own.camera)
        view = self._flow_renderer.view_reference(head.vertices(own))
        return move_picture(image, self._flow_renderer.render(head.vertices(wanted), view))

    def _assemble(
        self,
        neutral: FloatArray,
        picture: Image,
        reference: FaceParameters,
        poses: Sequence[_Pose],
        rng: np.random.Generator | None,
    ) -> Sample:
        change = None if rng is None else PictureChange(rng)
        if change is not None and change.mirrored:
            neutral = neutral[self._model.mirror_vertices] * np.array([-1, 1, 1], np.float32)
            reference = mirror(self._model, reference)
        vertices = self._vertices(neutral, reference, reference, change)
        view = self._renderer.view_reference(vertices)
        conditions, past, meshes, targets, alignments, mouths = [], [], [], [], [], []
        for pose in poses:
            frames = [pose.parameters, *pose.past]
            points = pose.points
            if change is not None:
                if change.mirrored:
                    frames = [mirror(self._model, frame) for frame in frames]
                    points = points[self._model.mirror_vertices] * np.array([-1, 1, 1], np.float32)
                points = change.zoomed(points)
            driven = self._vertices(neutral, frames[0], reference, change)
            conditions.append(self._renderer.render(driven, view))
            meshes.append(self._mesh_renderer.render(driven, view))
            past.append(
                [
                    self._renderer.render_pncc(self._vertices(neutral, frame, reference, change))
                    for frame in frames[1:]
                ]
            )
            targets.append(pose.image if change is None else change.picture(pose.image))
            alignments.append(alignment(points))
            mouths.append(mouth_centre(points))
        if change is not None and rng is not None:
            picture = degrade_reference(change.picture(picture), rng)
        flows = [
            self._teacher.measure(picture, target, mesh)
            for target, mesh in zip(targets, meshes, strict=True)
        ]
        side = self._shape.condition_size
        return Sample(
            reference=picture,
            own_conditions=self._renderer.render(vertices, view),
            targets=np.stack(targets),
            conditions=np.stack(conditions),
            past_pncc=np.array(past, np.float32).reshape(len(poses), -1, side, side),
            flows=np.stack(flows),
            alignments=np.stack(alignments),
            mouths=np.stack(mouths),
        )

    def _vertices(
        self,
        neutral: FloatArray,
        parameters: FaceParameters,
        reference: FaceParameters,
        change: PictureChange | None,
    ) -> FloatArray:
        vertices = self._model.head(neutral, reference.camera).vertices(parameters)
        return vertices if change is None else change.zoomed(vertices)


def mirror(model: FaceModel, parameters: FaceParameters) -> FaceParameters:
    """The parameters of the mirrored picture."""
    camera = parameters.camera.copy()
    camera[1:4] *= _MIRROR_ROTATION
    camera[4] *= -1
    return FaceParameters(
        capture_time=parameters.capture_time,
        expression=parameters.expression * model.expression_mirror,
        camera=camera,
    )


def choose_frames(
    clip: PreparedClip, neutral: int, drivings: int, progress: float, rng: np.random.Generator
) -> tuple[int, list[int]]:
    """A reference and `drivings` frames to be driven from it.

    Half of the time the reference is one of a set of four and the frames are among those nearest
    to it; else frames are any, nearer ones in the beginning and farther ones later.
    """
    count = clip.frame_count
    references = [int(frame) for frame in rng.integers(count, size=_SET_SIZE)]
    if rng.random() < _OWN_NEUTRAL_SHARE:
        references[0] = int(clip.fit_frames[neutral])
    candidates = [int(frame) for frame in rng.integers(count, size=2 * drivings)]
    distances = _distances(clip, neutral, candidates, references)
    if rng.random() < _NEAREST_SHARE:
        nearest = distances.argmin(axis=1)
        chosen = int(np.bincount(nearest, minlength=_SET_SIZE).argmax())
        order = np.argsort(distances[:, chosen] - distances.min(axis=1), kind="stable")
    else:
        chosen = 0
        order = np.argsort(distances[:, 0], kind="stable")
        if rng.random() < 0.75 * progress:
            order = order[::-1]
    return references[chosen], [candidates[place] for place in order[:drivings]]


def _distances(
    clip: PreparedClip, neutral: int, frames: Sequence[int], references: Sequence[int]
) -> FloatArray:
    """(frames, references) `pose_expression_distance`."""
    a = np.stack([pose_expression_embedding(clip.driving(neutral, frame)) for frame in frames])
    b = np.stack([pose_expression_embedding(clip.driving(neutral, frame)) for frame in references])
    return np.linalg.norm(a[:, None] - b[None], axis=2)


def _clip_weights(clips: Sequence[PreparedClip]) -> NDArray[np.float64]:
    """Every identity counts by the square root of its frames, shared among its clips."""
    frames: dict[str, int] = {}
    for clip in clips:
        frames[clip.identity] = frames.get(clip.identity, 0) + clip.frame_count
    weights = np.array([clip.frame_count / frames[clip.identity] ** 0.5 for clip in clips])
    return weights / weights.sum() if len(weights) else weights
