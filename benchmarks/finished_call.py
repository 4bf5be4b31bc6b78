"""A call that is over, its sender a process or a page, as the latency benchmark reads it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.browser_call import BrowserCallResult
from benchmarks.demo_call import CallResult
from benchmarks.films import DrivingRecording
from benchmarks.latency_scores import PAGE, STAMP
from benchmarks.played_call import PlayedCall, audio_early_ms, monotonic_ns
from benchmarks.source_times import SourceTimes
from benchmarks.stage_times import StageTime, stage_time, traced_stage
from benchmarks.tracked_film import TrackedFilm, landmarks, signal_or_nan
from benchmarks.watched_page import STAGES, SeenPage
from shared.errors import ArtifactError
from shared.in_band import Transport
from shared.metrics import Stage
from shared.parameters import FloatArray
from shared.trace import TraceRecord
from shared.tracker import FaceTracker

SENDER_STAGES = (Stage.CAPTURE, Stage.TRACK, Stage.FIT, Stage.ENCODE)


@dataclass(frozen=True, slots=True, eq=False)
class FinishedCall:
    """What either kind of call leaves behind."""

    played: PlayedCall
    source: SourceTimes

    sender_stages: dict[str, StageTime | None]
    """By name; None for one that was not timed."""

    receiver: Sequence[TraceRecord]

    sound_early_ms: float | None
    """None where it cannot be told."""

    in_band_wait_ms: float | None
    """Mean wait of a message for its packet of sound; None where none rode."""


def of_process(result: CallResult, film: TrackedFilm, *, from_ns: int) -> FinishedCall:
    """`from_ns`: what came before is left out of the stages' means.

    Raises ArtifactError when the recording shows no face.
    """
    recording = DrivingRecording(result.recording)
    near_ns = first_picture_ns(result.call)
    tracker = FaceTracker(max_faces=1)
    times: list[int] = []
    signals: list[FloatArray] = []
    for picture in recording.pictures():
        times.append(monotonic_ns(picture.capture_time, result.ticks_at_zero, near_ns))
        signals.append(signal_or_nan(landmarks(tracker, picture.image)))
    if not signals or not result.sender:
        raise ArtifactError("the sender recorded nothing, so there is nothing to measure")
    last = result.sender[-1]
    riding = last.counter("transport_messages", Transport.IN_BAND)
    return FinishedCall(
        played=result.call,
        source=SourceTimes.from_signals(np.array(times, np.int64), np.stack(signals), film.signals),
        sender_stages={
            stage.value: traced_stage(result.sender, stage.value, from_ns=from_ns)
            for stage in SENDER_STAGES
        },
        receiver=result.receiver,
        sound_early_ms=audio_early_ms(result.call, recording.packets(), result.ticks_at_zero),
        in_band_wait_ms=last.counter("in_band_wait_ms") / riding if riding else None,
    )


def of_page(result: BrowserCallResult, *, from_ns: int) -> FinishedCall:
    """Likewise; which sound belongs to which frame is not known of a browser's made devices."""
    frames = result.page.frames
    return FinishedCall(
        played=result.call,
        source=SourceTimes.from_numbers([(frame.captured_ns, frame.number) for frame in frames]),
        sender_stages=_page_stages(result.page, from_ns),
        receiver=result.receiver,
        sound_early_ms=None,
        in_band_wait_ms=None,
    )


def first_picture_ns(call: PlayedCall) -> int:
    """When the player decoded it. Raises ArtifactError when there was none."""
    if not call.pictures:
        raise ArtifactError("no picture was played, so there is nothing to measure")
    return call.pictures[0].decoded_ns


def _page_stages(page: SeenPage, from_ns: int) -> dict[str, StageTime | None]:
    outputs = [output for output in page.outputs if output.stamped_ns >= from_ns]
    columns = {
        stage: [output.milliseconds[index] for output in outputs]
        for index, stage in enumerate(STAGES)
    }
    whole = columns.pop("whole")
    rest = [
        all_of_it - sum(parts) for all_of_it, *parts in zip(whole, *columns.values(), strict=True)
    ]
    captured = np.array([frame.captured_ns for frame in page.frames], np.int64)
    # The newest frame that the camera had given by then is the one that was stamped.
    behind = np.searchsorted(captured, [output.stamped_ns for output in outputs], "right") - 1
    stamps = [
        (output.stamped_ns - captured[index]) / 1e6
        for output, index in zip(outputs, behind, strict=True)
        if index >= 0
    ]
    stages = {name: stage_time(column) for name, column in columns.items()}
    return {STAMP: stage_time(stamps), PAGE: stage_time(rest), **stages}
