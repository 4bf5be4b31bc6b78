"""Makes the calls of the latency benchmark and measures each of them."""

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.agreement import TimedFace, freeze_share
from benchmarks.browser_call import BrowserCall, BrowserCallResult
from benchmarks.busy_machine import busy_machine
from benchmarks.demo_call import CallResult, DemoCall
from benchmarks.demo_settings import DemoSettings
from benchmarks.films import DrivingRecording, shown_pictures
from benchmarks.latency_plan import Cell, LatencyPlan, SenderKind
from benchmarks.latency_scores import PAGE, STAMP, LatencyScores, in_order
from benchmarks.machine import usable_cores
from benchmarks.played_call import PlayedCall, audio_early_ms, monotonic_ns
from benchmarks.source_times import SourceTimes
from benchmarks.stage_times import StageTime, stage_time, traced_stage
from benchmarks.step_film import ROUND_FRAMES, Movement, StepFilm
from benchmarks.step_latency import SeenFace, film_steps, step_latencies
from benchmarks.step_signal import signal
from benchmarks.watched_page import STAGES, SeenPage
from sender.settings import InputKind
from shared.errors import ArtifactError
from shared.metrics import Stage
from shared.parameters import FloatArray, Image
from shared.trace import TraceRecord
from shared.tracker import FaceTracker

_FILM_SECONDS = 90.0
"""Of a process's film: no call is longer, so that it needs no second turn of its loop."""

_SENDER_STAGES = (Stage.CAPTURE, Stage.TRACK, Stage.FIT, Stage.ENCODE)


@dataclass(frozen=True, slots=True, eq=False)
class _Call:
    """A finished call of either kind."""

    played: PlayedCall
    source: SourceTimes
    sender_stages: dict[str, StageTime | None]
    receiver: Sequence[TraceRecord]
    sound_early_ms: float | None


class LatencyRun:
    """Films are made once, for all calls."""

    def __init__(self, plan: LatencyPlan, folder: Path) -> None:
        """`folder` takes the films. Raises ArtifactError when the portrait cannot be tracked."""
        self._plan = plan
        film = StepFilm()
        senders = {cell.sender for cell in plan.cells}
        self._videos = {
            has_sound: film.write_video(
                folder / f"steps_{has_sound}.mp4", seconds=_FILM_SECONDS, has_sound=has_sound
            )
            for has_sound in {sender is SenderKind.PROCESS for sender in senders}
        }
        self._camera = folder / "steps.y4m"
        if SenderKind.BROWSER in senders:
            film.write_camera(self._camera)
        tracker = FaceTracker(max_faces=1)
        points = [_landmarks(tracker, image) for image in film.images]
        self._film_points = [one for one in points if one is not None]
        if len(self._film_points) < ROUND_FRAMES:
            raise ArtifactError("the portrait has no face in some frame of the film of steps")
        self._film_signals = np.stack([signal(one) for one in self._film_points])
        self._steps = film_steps(self._film_signals)
        self.browser: str | None = None
        """Its name and version, once one was used."""
        self.page_clock: str | None = None
        """Where the times of a page's frames come from, once there was one."""

    async def measure(self, cell: Cell) -> LatencyScores:
        """Make one call. Raises KilocallError when it came to nothing."""
        with tempfile.TemporaryDirectory(prefix="kilocall-latency-") as name:
            async with AsyncExitStack() as stack:
                if cell.is_loaded:
                    await stack.enter_async_context(busy_machine(usable_cores()))
                result = await self._call(cell, Path(name))
            # What follows has the machine to itself again, and no time of it is measured.
            if isinstance(result, CallResult):
                return self._scores(self._process_call(result))
            return self._scores(self._browser_call(result))

    async def _call(self, cell: Cell, folder: Path) -> CallResult | BrowserCallResult:
        seconds = self._plan.warm_up_seconds + self._plan.seconds
        if cell.sender is SenderKind.BROWSER:
            call = BrowserCall(self._camera, folder, generator=cell.generator, seconds=seconds)
            return await call.run()
        settings = DemoSettings(
            input=InputKind.VIDEO,
            video=self._videos[cell.sender is SenderKind.PROCESS],
            camera_name=None,
            microphone=False,
            seconds=seconds,
            headless=True,
            out=folder,
            bundle=cell.generator,
            conditions=None,
            seed=1,
            frames_per_message=cell.sender.frames_per_message,
            transport=cell.sender.transport,
        )
        result = await DemoCall(settings, folder, Console(file=StringIO())).run()
        assert result is not None, "a headless call leaves something behind"
        return result

    def _process_call(self, result: CallResult) -> _Call:
        recording = DrivingRecording(result.recording)
        near_ns = _first_picture_ns(result.call)
        tracker = FaceTracker(max_faces=1)
        times: list[int] = []
        signals: list[FloatArray] = []
        for picture in recording.pictures():
            times.append(monotonic_ns(picture.capture_time, result.ticks_at_zero, near_ns))
            signals.append(_signal(_landmarks(tracker, picture.image)))
        source = SourceTimes.from_signals(
            np.array(times, np.int64), np.stack(signals), self._film_signals
        )
        from_ns = self._from_ns(result.call)
        return _Call(
            played=result.call,
            source=source,
            sender_stages={
                stage.value: traced_stage(result.sender, stage.value, from_ns=from_ns)
                for stage in _SENDER_STAGES
            },
            receiver=result.receiver,
            sound_early_ms=audio_early_ms(result.call, recording.packets(), result.ticks_at_zero),
        )

    def _browser_call(self, result: BrowserCallResult) -> _Call:
        page = result.page
        self.browser = result.browser
        self.page_clock = (
            "the browser's own capture times"
            if page.has_capture_times
            else "when frames arrived in the page, as its browser tells no capture times"
        )
        return _Call(
            played=result.call,
            source=SourceTimes.from_numbers([(f.captured_ns, f.number) for f in page.frames]),
            sender_stages=_page_stages(page, self._from_ns(result.call)),
            receiver=result.receiver,
            sound_early_ms=None,
        )

    def _from_ns(self, call: PlayedCall) -> int:
        return _first_picture_ns(call) + round(self._plan.warm_up_seconds * 1e9)

    def _scores(self, call: _Call) -> LatencyScores:
        from_ns = self._from_ns(call.played)
        tracker = FaceTracker(max_faces=1)
        seen: list[SeenFace] = []
        shown: list[TimedFace] = []
        for picture in shown_pictures(call.played):
            points = _landmarks(tracker, picture.image)
            decoded_ns = picture.played.decoded_ns
            seen.append(SeenFace(decoded_ns, picture.played.glass_latency_ms, _signal(points)))
            if points is not None and decoded_ns >= from_ns:
                shown.append(TimedFace(picture.time_ns, points[:, :2]))
        measured = [face for face in seen if face.decoded_ns >= from_ns]
        if len(measured) < 2:
            raise ArtifactError(f"{len(measured)} pictures after the warm-up, 2 or more expected")
        claimed = tuple(face.claimed_ms for face in measured if face.claimed_ms is not None)
        steps = step_latencies(self._steps, call.source, seen, from_ns=from_ns)
        stages = call.sender_stages | {
            stage.value: traced_stage(call.receiver, stage.value, from_ns=from_ns)
            for stage in Stage
            if stage not in _SENDER_STAGES
        }
        seconds = (measured[-1].decoded_ns - measured[0].decoded_ns) / 1e9
        return LatencyScores(
            stages=in_order(stages),
            claimed_ms=claimed,
            steps=tuple(steps),
            pictures_per_second=(len(measured) - 1) / seconds,
            frozen_share=freeze_share(shown, self._late_source(call.source, claimed)),
            sound_early_ms=call.sound_early_ms,
        )

    def _late_source(self, source: SourceTimes, claimed_ms: Sequence[float]) -> list[TimedFace]:
        """The film's faces when they are to be seen at the player."""
        delay_ns = float(np.median(claimed_ms)) * 1e6 if claimed_ms else 0.0
        return [
            TimedFace(
                round(source.time_ns(frame) + delay_ns),
                self._film_points[frame % ROUND_FRAMES][:, :2],
            )
            for frame in range(int(source.frames[0]), int(source.frames[-1]) + 1)
        ]


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


def _first_picture_ns(call: PlayedCall) -> int:
    if not call.pictures:
        raise ArtifactError("no picture was played, so there is nothing to measure")
    return call.pictures[0].decoded_ns


def _landmarks(tracker: FaceTracker, image: Image) -> FloatArray | None:
    faces = tracker.track(image)
    return faces[0].points if faces else None


def _signal(points: FloatArray | None) -> FloatArray:
    return np.full(len(Movement), np.nan, np.float32) if points is None else signal(points)
