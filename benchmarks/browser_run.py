"""Runs a receiver and Chromium, and lets the page's own worker track a film."""

import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.child import Child
from benchmarks.chromium import (
    ARGUMENTS,
    camera_arguments,
    find_chromium,
    fit_to_camera,
    write_camera_film,
)
from receiver.tokens import Grant, TokenAuthority
from sender.portrait import MovedPortrait
from shared.errors import ConfigError
from shared.parameters import Image
from shared.shipped_generators import WARP

_SECRET = "only for this measurement, nobody else is in"  # noqa: S105
_FILM_FRAMES = 100
_FILM_FPS = 25
_WARM_UP = 10

_TRACK = """
async ({ frames }) => {
  const worker = new Worker("/send/worker.js", { type: "module" });
  const next = () => new Promise((resolve, reject) => {
    worker.onmessage = ({ data }) => {
      if (data.kind === "failed") reject(new Error(data.reason));
      else if (data.kind !== "pause" && data.kind !== "again") resolve(data);
    };
  });
  await next();
  worker.postMessage({ kind: "start" });
  const video = document.createElement("video");
  video.muted = true;
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  const took = [];
  for (let index = 0; index < frames; index++) {
    await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
    const frame = await createImageBitmap(video);
    const start = performance.now();
    const done = next();
    worker.postMessage({ kind: "frame", frame, time: performance.timeOrigin + start }, [frame]);
    const output = await done;
    took.push({ ...output.took, whole: performance.now() - start, face: output.face });
  }
  worker.terminate();
  return took;
}
"""


@dataclass(frozen=True, slots=True)
class StageTimes:
    """Of one stage, over the frames."""

    p50_ms: float
    p95_ms: float


@dataclass(frozen=True, slots=True)
class BrowserReport:
    """What was found."""

    browser: str
    stages: dict[str, StageTimes]
    """track, fit, encode, and `whole`: from the frame to what is to be sent of it."""

    frames_per_second: float
    """Were frames worked on one after the other without a pause."""

    page_bytes: int
    """Page, styles and scripts."""

    tracking_bytes: int
    """Networks, face model and runtime."""

    lobby_seconds: float
    """From nothing (cold cache) to a lobby that can be used."""

    tracked_seconds: float
    """From nothing to a face that is followed."""

    def as_dict(self) -> dict[str, Any]:
        """For `json.dump`."""
        return asdict(self)


async def measure(video: Path | None, *, frames: int) -> BrowserReport:
    """Measure. Raises ConfigError without Chromium, Playwright or a face in the film."""
    path = find_chromium()
    if path is None:
        raise ConfigError("no Chromium found: install it, or name one by KILOCALL_CHROMIUM")
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise ConfigError("Playwright is not installed: pip install playwright") from None
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "camera.y4m"
        write_camera_film([fit_to_camera(image) for image in _pictures(video)], film, _FILM_FPS)
        environment = {"KILOCALL_TOKEN_SECRET": _SECRET, "KILOCALL_GENERATOR": WARP}
        receiver = await Child.start("receiver", ["--port", "0"], environment)
        try:
            url = (await receiver.next_line()).rsplit(" ", 1)[1]
            async with async_playwright() as playwright:
                browser = await playwright.chromium.launch(
                    executable_path=path, args=[*ARGUMENTS, *camera_arguments(film)]
                )
                report = await _measure_page(await browser.new_page(), url, frames)
                await browser.close()
        finally:
            await receiver.stop()
    return report


async def _measure_page(page: Any, url: str, frames: int) -> BrowserReport:
    weights: dict[str, int] = {}
    page.on("response", lambda one: weights.update({one.url: _length(one.headers)}))
    grant = Grant(room="measured", party="me", publish=True, play=True)
    token = TokenAuthority(_SECRET.encode()).issue(grant, minutes=30)
    start = time.monotonic()
    await page.goto(f"{url}#token={token}")
    await page.wait_for_selector("#join", state="visible")
    lobby_seconds = time.monotonic() - start
    try:
        await page.wait_for_selector("#retake:enabled", timeout=60_000)
    except Exception as error:
        raise ConfigError("no face was followed in the browser, one is needed") from error
    tracked_seconds = time.monotonic() - start
    # A link that is none: nothing else is tracked or drawn while a worker is measured.
    await page.goto("about:blank")
    await page.goto(f"{url}#none")
    took = (await page.evaluate(_TRACK, {"frames": frames + _WARM_UP}))[_WARM_UP:]
    stages = {
        stage: StageTimes(*np.percentile([one[stage] for one in took], (50, 95)).round(3).tolist())
        for stage in ("track", "fit", "encode", "whole")
    }
    tracking = {one for one in weights if "/assets/" in one or "/vendor/" in one}
    return BrowserReport(
        browser=f"Chromium {page.context.browser.version}",
        stages=stages,
        frames_per_second=round(1e3 / float(np.mean([one["whole"] for one in took])), 1),
        page_bytes=sum(size for one, size in weights.items() if one not in tracking),
        tracking_bytes=sum(weights[one] for one in tracking),
        lobby_seconds=round(lobby_seconds, 2),
        tracked_seconds=round(tracked_seconds, 2),
    )


def _length(headers: dict[str, str]) -> int:
    return int(headers.get("content-length", 0))


def _pictures(video: Path | None) -> Iterator[Image]:
    if video is None:
        portrait = MovedPortrait()
        yield from (portrait.render(index) for index in range(_FILM_FRAMES))
        return
    try:
        with av.open(str(video)) as container:
            for frame in islice(container.decode(video=0), _FILM_FRAMES):
                yield np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    except (av.FFmpegError, IndexError) as error:
        raise ConfigError(f"{video} cannot be read as a video: {error}") from error
