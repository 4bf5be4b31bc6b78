"""What a demo was asked for, checked before anything starts."""

from dataclasses import dataclass
from pathlib import Path

from benchmarks.link_model import LinkConditions
from sender.devices import DeviceKind, list_devices
from sender.parameter_transport import TransportChoice
from sender.settings import InputKind
from shared.errors import ConfigError

DEFAULT_OUT = Path("out")
DEFAULT_HEADLESS_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """One demo."""

    input: InputKind
    video: Path | None
    """For input `video`."""

    camera_name: str | None
    """Part of its name, for input `camera`; None: the first one."""

    microphone: bool
    """Whether there is one to hear beside a camera."""

    seconds: float | None
    """From the first picture on; None: until Ctrl-C."""

    headless: bool
    out: Path
    bundle: str
    conditions: LinkConditions | None
    """Of the link between sender and receiver; None: direct, without a relay."""

    seed: int
    frames_per_message: int | None
    transport: TransportChoice
    """Of the parameters."""

    @property
    def input_name(self) -> str:
        """For the report: the file's name, `camera`, or `portrait`."""
        return self.video.name if self.video is not None else self.input.value


def choose_input(
    *, video: Path | None, portrait: bool, camera: bool
) -> tuple[InputKind, str | None]:
    """(the input, one line to tell the user or None).

    Without a wish: the camera where there is one, else the portrait. Raises ConfigError for
    contradicting wishes.
    """
    if sum((video is not None, portrait, camera)) > 1:
        raise ConfigError("--video, --portrait and --camera exclude each other, one is allowed")
    if video is not None:
        return InputKind.VIDEO, None
    if portrait:
        return InputKind.PORTRAIT, None
    if camera or list_devices(DeviceKind.CAMERA):
        return InputKind.CAMERA, None
    return (
        InputKind.PORTRAIT,
        "no camera found: showing the built-in portrait (--video FILE takes a file)",
    )
