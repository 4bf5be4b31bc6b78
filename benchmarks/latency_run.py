"""Makes the calls of the latency benchmark and measures each of them."""

import tempfile
from collections.abc import Sequence
from contextlib import AsyncExitStack
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from benchmarks.agreement import TimedFace, freeze_share
from benchmarks.browser_call import BrowserCall, BrowserCallResult
from benchmarks.busy_machine import busy_machine
from benchmarks.demo_call import CallResult, DemoCall
from benchmarks.demo_settings import DemoSettings
from benchmarks.films import shown_pictures
from benchmarks.finished_call import (
    SENDER_STAGES,
    FinishedCall,
    first_picture_ns,
    of_page,
    of_process,
)
from benchmarks.latency_plan import Cell, LatencyPlan, SenderKind
from benchmarks.latency_scores import LatencyScores, in_order
from benchmarks.machine import usable_cores
from benchmarks.source_times import SourceTimes
from benchmarks.stage_times import traced_stage
from benchmarks.step_film import ROUND_FRAMES, StepFilm
from benchmarks.step_latency import SeenFace, step_latencies
from benchmarks.tracked_film import TrackedFilm, landmarks, signal_or_nan
from sender.settings import InputKind
from shared.errors import ArtifactError
from shared.metrics import Stage
from shared.tracker import FaceTracker

_FILM_SECONDS = 90.0
"""Of a process's film: no call is longer, so that it needs no second turn of its loop."""


class LatencyRun:
    """Films are made once, for all calls."""

    def __init__(self, plan: LatencyPlan, folder: Path) -> None:
        """`folder` takes the films. Raises ArtifactError when the portrait cannot be tracked."""
        self._plan = plan
        film = StepFilm()
        self._film = TrackedFilm(film.images)
        senders = {cell.sender for cell in plan.cells}
        self._videos = {
            has_sound: film.write_video(
                folder / ("sound.mp4" if has_sound else "silent.mp4"),
                seconds=_FILM_SECONDS,
                has_sound=has_sound,
            )
            for has_sound in {sender.has_sound for sender in senders}
        }
        self._camera = folder / "camera.y4m"
        if SenderKind.BROWSER in senders:
            film.write_camera(self._camera)
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
            from_ns = first_picture_ns(result.call) + round(self._plan.warm_up_seconds * 1e9)
            if isinstance(result, CallResult):
                return self._scores(of_process(result, self._film, from_ns=from_ns), from_ns)
            self.browser = result.browser
            self.page_clock = (
                "the browser's own capture times"
                if result.page.has_capture_times
                else "when frames arrived in the page, as its browser tells no capture times"
            )
            return self._scores(of_page(result, from_ns=from_ns), from_ns)

    async def _call(self, cell: Cell, folder: Path) -> CallResult | BrowserCallResult:
        seconds = self._plan.warm_up_seconds + self._plan.seconds
        if cell.sender is SenderKind.BROWSER:
            call = BrowserCall(self._camera, folder, generator=cell.generator, seconds=seconds)
            return await call.run()
        settings = DemoSettings(
            input=InputKind.VIDEO,
            video=self._videos[cell.sender.has_sound],
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

    def _scores(self, call: FinishedCall, from_ns: int) -> LatencyScores:
        tracker = FaceTracker(max_faces=1)
        seen: list[SeenFace] = []
        shown: list[TimedFace] = []
        for picture in shown_pictures(call.played):
            points = landmarks(tracker, picture.image)
            decoded_ns = picture.played.decoded_ns
            seen.append(
                SeenFace(decoded_ns, picture.played.glass_latency_ms, signal_or_nan(points))
            )
            if points is not None and decoded_ns >= from_ns:
                shown.append(TimedFace(picture.time_ns, points[:, :2]))
        measured = [face for face in seen if face.decoded_ns >= from_ns]
        if len(measured) < 2:
            raise ArtifactError(f"{len(measured)} pictures after the warm-up, 2 or more expected")
        claimed = tuple(face.claimed_ms for face in measured if face.claimed_ms is not None)
        stages = call.sender_stages | {
            stage.value: traced_stage(call.receiver, stage.value, from_ns=from_ns)
            for stage in Stage
            if stage not in SENDER_STAGES
        }
        seconds = (measured[-1].decoded_ns - measured[0].decoded_ns) / 1e9
        return LatencyScores(
            stages=in_order(stages),
            claimed_ms=claimed,
            steps=tuple(step_latencies(self._film.steps, call.source, seen, from_ns=from_ns)),
            pictures_per_second=(len(measured) - 1) / seconds,
            frozen_share=freeze_share(shown, self._late_source(call.source, claimed)),
            sound_early_ms=call.sound_early_ms,
            in_band_wait_ms=call.in_band_wait_ms,
        )

    def _late_source(self, source: SourceTimes, claimed_ms: Sequence[float]) -> list[TimedFace]:
        """The film's faces when they are to be seen at the player."""
        delay_ns = float(np.median(claimed_ms)) * 1e6 if claimed_ms else 0.0
        return [
            TimedFace(
                round(source.time_ns(frame) + delay_ns),
                self._film.points[frame % ROUND_FRAMES][:, :2],
            )
            for frame in range(int(source.frames[0]), int(source.frames[-1]) + 1)
        ]
