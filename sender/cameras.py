"""A camera as a source of frames."""

import time
from collections.abc import Iterator

import av

from sender.capture import MAX_FPS, CapturedFrame, Pacer, RateCap, StageTimer
from sender.devices import Device, DeviceKind, find_device
from sender.video_file import upright_image
from shared.clock import SystemClock
from shared.errors import CaptureError
from shared.metrics import Metrics

_OPTIONS: dict[str, tuple[dict[str, str], ...]] = {
    # Tried in order until one opens: cameras differ in what they offer.
    "v4l2": (
        {"video_size": "640x480", "framerate": "30", "input_format": "mjpeg"},
        {"video_size": "640x480", "framerate": "30"},
        {},
    ),
    "avfoundation": (
        {"video_size": "640x480", "framerate": "30", "pixel_format": "nv12"},
        {"video_size": "1280x720", "framerate": "30", "pixel_format": "nv12"},
        {"framerate": "30"},
    ),
    "dshow": ({"video_size": "640x480", "framerate": "30"}, {}),
}


class CameraSource:
    """The newest pictures of one camera, opened anew each time `frames` is called."""

    def __init__(
        self,
        name: str | None,
        *,
        clock: SystemClock,
        metrics: Metrics,
        fps: float = MAX_FPS,
    ) -> None:
        """Raises ConfigError when there is no such camera."""
        self._device = find_device(DeviceKind.CAMERA, name)
        self._clock = clock
        self._metrics = metrics
        self._fps = fps
        self._pacer = Pacer(clock)

    @property
    def device(self) -> Device:
        return self._device

    def close(self) -> None:
        self._pacer.stop()

    def frames(self) -> Iterator[CapturedFrame]:
        """Raises CaptureError when the camera cannot be opened or stops (was unplugged)."""
        cap = RateCap(self._fps)
        timer = StageTimer(self._metrics)
        try:
            with _open(self._device) as container:
                for frame in container.decode(container.streams.video[0]):
                    # Arrival, not the device's stamp: its clock is another one on each system,
                    # and the two differ by a constant few ms.
                    time_ns = self._clock.now_ns()
                    if self._pacer.stopped:
                        return
                    if not cap.keep(time_ns):
                        continue
                    start_ns = time.perf_counter_ns()
                    image = upright_image(frame)
                    timer.add(start_ns)
                    timer.finish()
                    yield CapturedFrame(image, time_ns, self._clock.ticks_at(time_ns))
        except (av.error.FFmpegError, OSError) as error:
            raise CaptureError(f"camera {self._device.name}: {error}") from error
        if not self._pacer.stopped:
            raise CaptureError(f"camera {self._device.name} gives no more pictures")


def _open(device: Device) -> av.container.InputContainer:
    failure: Exception = CaptureError(f"camera {device.name} cannot be opened")
    for options in _OPTIONS[device.input_format]:
        try:
            # A camera that stops answering must not hold the thread for ever.
            return av.open(
                device.url, format=device.input_format, options=options, timeout=(5.0, 3.0)
            )
        except (av.error.FFmpegError, OSError) as error:
            failure = error
    raise CaptureError(f"camera {device.name} cannot be opened: {failure}") from failure
