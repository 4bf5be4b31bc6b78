"""Cameras and microphones of this machine, as FFmpeg names them on each system."""

import contextlib
import re
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import av

from shared.errors import ConfigError


class DeviceKind(Enum):
    """What a device records."""

    CAMERA = "camera"
    MICROPHONE = "microphone"


@dataclass(frozen=True, slots=True)
class Device:
    """One camera or microphone and how FFmpeg opens it."""

    kind: DeviceKind
    name: str
    """What a person picks it by."""

    url: str
    """What FFmpeg opens, for instance /dev/video0."""

    input_format: str
    """FFmpeg's input, for instance v4l2."""


def list_devices(kind: DeviceKind) -> tuple[Device, ...]:
    """All devices of a kind, the system's first one first; empty when there is none."""
    if sys.platform == "darwin":
        return _avfoundation_devices(kind)
    if sys.platform == "win32":
        return _dshow_devices(kind)
    return _v4l2_cameras() if kind is DeviceKind.CAMERA else _alsa_microphones()


def find_device(kind: DeviceKind, name: str | None) -> Device:
    """The device whose name contains `name` (case ignored) or whose url is `name`; None: the first.

    Raises ConfigError, naming those there are.
    """
    devices = list_devices(kind)
    if not devices:
        raise ConfigError(
            f"no {kind.value} found on this machine; "
            + (
                "use --video FILE or --portrait instead"
                if kind is DeviceKind.CAMERA
                else "the call has no sound"
            )
        )
    if name is None:
        return devices[0]
    for device in devices:
        if name == device.url or name.casefold() in device.name.casefold():
            return device
    there = ", ".join(f"{device.name} ({device.url})" for device in devices)
    raise ConfigError(f"no {kind.value} is named {name!r}, there are: {there}")


def _v4l2_cameras() -> tuple[Device, ...]:
    devices = []
    folder = Path("/sys/class/video4linux")
    entries = folder.iterdir() if folder.is_dir() else ()
    for entry in sorted(entries, key=lambda path: (len(path.name), path.name)):
        # A camera shows further nodes for its metadata; index 0 is the one with pictures.
        if _read(entry / "index") not in {"0", ""}:
            continue
        url = f"/dev/{entry.name}"
        if Path(url).exists():
            name = _read(entry / "name") or entry.name
            devices.append(Device(DeviceKind.CAMERA, name, url, "v4l2"))
    return tuple(devices)


def _alsa_microphones() -> tuple[Device, ...]:
    devices = []
    for line in _read(Path("/proc/asound/pcm")).splitlines():
        # "00-00: ALC257 Analog : ALC257 Analog : playback 1 : capture 1"
        match = re.match(r"(\d+)-(\d+): (.*?) *:.*capture", line)
        if match:
            url = f"plughw:{int(match[1])},{int(match[2])}"
            devices.append(Device(DeviceKind.MICROPHONE, match[3], url, "alsa"))
    return tuple(devices)


def _avfoundation_devices(kind: DeviceKind) -> tuple[Device, ...]:
    """AVFoundation's own list, which FFmpeg prints into its log when asked for it."""
    heading = "video devices" if kind is DeviceKind.CAMERA else "audio devices"
    devices = []
    inside = False
    for line in _logged_listing("avfoundation"):
        if "devices:" in line:
            inside = heading in line.lower()
        elif inside and (match := re.search(r"\[(\d+)\] (.+)", line)):
            url = f"{match[1]}:none" if kind is DeviceKind.CAMERA else f"none:{match[1]}"
            devices.append(Device(kind, match[2].strip(), url, "avfoundation"))
    return tuple(devices)


def _dshow_devices(kind: DeviceKind) -> tuple[Device, ...]:
    """DirectShow's own list, which FFmpeg prints into its log when asked for it."""
    word = "video" if kind is DeviceKind.CAMERA else "audio"
    devices = []
    for line in _logged_listing("dshow"):
        match = re.search(rf'"(.+)" \({word}\)', line)
        if match:
            devices.append(Device(kind, match[1], f"{word}={match[1]}", "dshow"))
    return tuple(devices)


def _logged_listing(input_format: str) -> list[str]:
    """What FFmpeg logs when asked for an input's devices; the opening itself always fails."""
    previous = av.logging.get_level()
    av.logging.set_level(av.logging.INFO)
    try:
        with (
            av.logging.Capture(local=True) as messages,
            contextlib.suppress(av.error.FFmpegError, OSError, ValueError),
        ):
            av.open("", format=input_format, options={"list_devices": "true"}).close()
        return [line for message in messages for line in message[2].splitlines()]
    finally:
        av.logging.set_level(previous)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""
