"""What a page that sends is seen to do: its camera's frames and its worker's answers.

A script that runs before the page's own puts itself between the page and two things of the
browser: `getUserMedia`, whose camera it reads as well, and `Worker`, whose messages it times. The
page and its worker are as they are delivered; reading a frame's number costs them 0.6 ms a frame.
"""

import time
from dataclasses import dataclass
from typing import Any

from benchmarks.step_film import ROUND_FRAMES
from shared.errors import ArtifactError

SCRIPT = """
(() => {
  const seen = (window.kilocallSeen = { frames: [], outputs: [] });
  const wall = () => performance.timeOrigin + performance.now();

  let watched = null;
  const watch = async (track) => {
    watched?.stop();
    watched = track;
    const reader = new MediaStreamTrackProcessor({ track, maxBufferSize: 1 }).readable.getReader();
    const context = new OffscreenCanvas(32, 1).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    for (;;) {
      const { value: frame, done } = await reader.read();
      if (done) return;
      const now = wall();
      // The middle of the upper row of the bar code, `shared/bar_code.py`: 32 cells.
      const { displayWidth: width, displayHeight: height } = frame;
      const row = height - 1.5 * Math.floor(height / 32);
      context.drawImage(frame, 0, Math.floor(row), width, 1, 0, 0, 32, 1);
      const cells = context.getImageData(0, 0, 32, 1).data;
      let number = 0;
      for (let cell = 0; cell < 32; cell++) number = number * 2 + (cells[4 * cell] > 127 ? 1 : 0);
      seen.frames.push([now, frame.timestamp, number]);
      frame.close();
    }
  };
  const media = navigator.mediaDevices;
  const open = media.getUserMedia.bind(media);
  media.getUserMedia = async (wanted) => {
    const stream = await open(wanted);
    const [camera] = stream.getVideoTracks();
    if (camera !== undefined) void watch(camera.clone());
    return stream;
  };

  window.Worker = class extends Worker {
    #stamped = 0;
    #begun = 0;
    constructor(...all) {
      super(...all);
      this.addEventListener("message", ({ data }) => {
        if (data.kind !== "output") return;
        const { track, fit, encode } = data.took;
        const whole = performance.now() - this.#begun;
        seen.outputs.push([this.#stamped, track, fit, encode, whole]);
      });
    }
    postMessage(order, transfer) {
      if (order.kind === "frame") [this.#stamped, this.#begun] = [order.time, performance.now()];
      super.postMessage(order, transfer);
    }
  };
})();
"""

STAGES = ("track", "fit", "encode", "whole")
"""Of an output: three of the worker's, and all of it from the frame to what is sent of it."""

_NEAR_NS = 1_000_000_000


@dataclass(frozen=True, slots=True)
class CameraFrame:
    """A frame as the page's camera gave it. Times are monotonic."""

    captured_ns: int
    arrived_ns: int
    """In the page, before the page's own code saw it or just after."""

    number: int
    """Of the frame in its film."""


@dataclass(frozen=True, slots=True)
class WorkerOutput:
    """What the worker made of a frame."""

    stamped_ns: int
    """Capture time that the page gave to the frame, monotonic."""

    milliseconds: tuple[float, ...]
    """By STAGES."""


@dataclass(frozen=True, slots=True)
class SeenPage:
    """What the script wrote down, on this process's clock."""

    frames: tuple[CameraFrame, ...]
    outputs: tuple[WorkerOutput, ...]

    has_capture_times: bool
    """Whether the browser's own time stamps of frames are of the monotonic clock (Chromium's on
    Linux are); else `captured_ns` is when a frame arrived in the page."""


async def read_page(page: Any) -> SeenPage:
    """Fetch it. Raises ArtifactError when no frame of the film was seen."""
    seen = await page.evaluate("() => window.kilocallSeen")
    return parse_seen(seen, wall_at_zero_ns=time.time_ns() - time.monotonic_ns())


def parse_seen(seen: Any, *, wall_at_zero_ns: int) -> SeenPage:
    """`wall_at_zero_ns`: Unix time at monotonic time 0. A number that is no frame's is left out."""

    def monotonic_ns(unix_ms: float) -> int:
        return round(unix_ms * 1e6) - wall_at_zero_ns

    read = [
        (monotonic_ns(now), round(stamp * 1e3), int(number))
        for now, stamp, number in seen["frames"]
        if 0 <= number < ROUND_FRAMES
    ]
    if not read:
        raise ArtifactError("the page saw no frame of the film of steps")
    is_monotonic = all(0 <= now - stamp < _NEAR_NS for now, stamp, _ in read)
    return SeenPage(
        frames=tuple(
            CameraFrame(stamp if is_monotonic else now, now, number) for now, stamp, number in read
        ),
        outputs=tuple(
            WorkerOutput(monotonic_ns(stamped), tuple(map(float, durations)))
            for stamped, *durations in seen["outputs"]
        ),
        has_capture_times=is_monotonic,
    )
