"""After a headless call: films, landmarks of both sides, and the report."""

from collections.abc import Sequence

from benchmarks.agreement import Agreement, TimedFace, compare, landmarks_at
from benchmarks.demo_call import CallResult
from benchmarks.demo_settings import DemoSettings
from benchmarks.films import DrivingRecording, shown_pictures, write_films
from benchmarks.played_call import PlayedCall, audio_early_ms, monotonic_ns
from benchmarks.report import CallMeasurement, Report, make_report
from shared.parameters import FloatArray, Image
from shared.tracker import FaceTracker


def measure(settings: DemoSettings, result: CallResult) -> Report:
    """Write the films into `settings.out` and work out the report.

    Raises ArtifactError when nothing was played.
    """
    recording = DrivingRecording(result.recording)
    write_films(settings.out, result.call, recording)
    return make_report(
        CallMeasurement(
            sender=result.sender,
            receiver=result.receiver,
            hop=result.hop,
            call=result.call,
            av_offset_ms=audio_early_ms(result.call, recording.packets(), result.ticks_at_zero),
            own_bytes=result.own_bytes,
            rss_bytes=result.rss_bytes,
            generator=result.generator,
            input=settings.input_name,
            agreement=agreement(result.call, recording, result.ticks_at_zero),
            link=result.link,
        )
    )


def agreement(
    call: PlayedCall, recording: DrivingRecording, ticks_at_zero: int
) -> Agreement | None:
    """Track the faces of both sides and compare them; None where either side shows none."""
    if not call.pictures:
        return None
    first_ns = call.pictures[0].decoded_ns
    driven = _track_driving(recording, ticks_at_zero, first_ns)
    tracker = FaceTracker(max_faces=1)
    pairs: list[tuple[FloatArray | None, FloatArray | None]] = []
    shown: list[TimedFace] = []
    delays_ns: list[int] = []
    for picture in shown_pictures(call):
        points = _landmarks(tracker, picture.image)
        if points is not None:
            shown.append(TimedFace(picture.time_ns, points))
        if picture.capture_time is not None:
            captured_ns = monotonic_ns(picture.capture_time, ticks_at_zero, picture.time_ns)
            delays_ns.append(picture.time_ns - captured_ns)
            pairs.append((points, landmarks_at(driven, captured_ns)))
    if not delays_ns:
        return None
    delay_ns = sorted(delays_ns)[len(delays_ns) // 2]
    late = [TimedFace(face.time_ns + delay_ns, face.points) for face in driven]
    return compare(pairs, shown, late)


def _track_driving(
    recording: DrivingRecording, ticks_at_zero: int, near_ns: int
) -> Sequence[TimedFace]:
    """Landmarks of the driving crops, at the monotonic times of their capture."""
    tracker = FaceTracker(max_faces=1)
    faces: list[TimedFace] = []
    for picture in recording.pictures():
        points = _landmarks(tracker, picture.image)
        if points is not None:
            time_ns = monotonic_ns(picture.capture_time, ticks_at_zero, near_ns)
            faces.append(TimedFace(time_ns, points))
    return faces


def _landmarks(tracker: FaceTracker, image: Image) -> FloatArray | None:
    faces = tracker.track(image)
    return faces[0].points[:, :2] if faces else None
