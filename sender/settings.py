"""The sender's settings."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, model_validator

from sender.operating_point import CallLimits
from sender.parameter_transport import TransportChoice
from shared.settings import ProcessSettings


def _number(value: object) -> object:
    """A variable of the environment is text, which a choice of numbers does not take."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


class InputKind(StrEnum):
    """Where the pictures come from."""

    CAMERA = "camera"
    VIDEO = "video"
    PORTRAIT = "portrait"


class SenderSettings(ProcessSettings):
    """What one sender process is told. Every field can be set by KILOCALL_<NAME>."""

    url: str
    """The receiver's WHIP endpoint, for instance http://127.0.0.1:8080/whip."""

    token: SecretStr
    """Bearer token that allows to publish; `python -m receiver token` makes one."""

    input: InputKind = InputKind.CAMERA

    camera: str | None = None
    """Part of the camera's name, or its device; None: the first one."""

    video: Path | None = None
    """The file for input `video`."""

    audio: bool = True
    """Whether sound is sent: the file's own, or the microphone beside a camera."""

    microphone: str | None = None
    """Part of the microphone's name, or its device; None: the first one."""

    audio_bitrate_bps: Annotated[int, Field(ge=6_000, le=24_000)] = 16_000

    audio_packet_ms: Annotated[Literal[20, 40, 60], BeforeValidator(_number)] = 20
    """At least; longer packets save headers, and a thin link makes them longer by itself."""

    fps: Annotated[float, Field(ge=1, le=60)] = 25.0
    """Most frames a second; a slower source keeps its own rate."""

    frames_per_message: Annotated[int, Field(ge=1, le=3)] | None = None
    """None: 2; 1 above 10 % of loss, 3 on a thin link."""

    transport: TransportChoice = TransportChoice.AUTO
    """Of the parameters: `datachannel`; `inband`, inside the sound's packets wherever one comes in
    time; `auto`, the same while that goes well."""

    max_kbps: Annotated[float, Field(ge=4)] | None = None
    """Most that is sent a second, in kilobits on the wire: sound and all headers counted."""

    threads: Annotated[int, Field(ge=1, le=16)] = 1
    """Threads of the tracker's networks."""

    trace: Path | None = None
    """Where to write what was counted, as JSON lines twice a second."""

    record: Path | None = None
    """Where to write the crops and the sound that are sent, an MP4; for measurements."""

    verify_tls: bool = True
    """False accepts a self-signed certificate."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.input is InputKind.VIDEO) != (self.video is not None):
            raise ValueError("input `video` and a file for it: one is given, both or none allowed")
        if not re.match(r"https?://[^/\s]", self.url):
            raise ValueError(f"url {self.url[:60]!r}, http:// or https:// and a host are expected")
        if not re.fullmatch(r"[!-~]+", self.token.get_secret_value()):
            raise ValueError("token with characters that no token has, visible ASCII is expected")
        return self

    def call_limits(self, *, has_sound: bool) -> CallLimits:
        """Where the call's rate control begins."""
        return CallLimits(
            has_sound=has_sound,
            frame_rate_hz=self.fps,
            audio_packet_ms=self.audio_packet_ms,
            audio_bitrate_bps=self.audio_bitrate_bps,
            frames_per_message=self.frames_per_message,
            max_bps=None if self.max_kbps is None else self.max_kbps * 1e3,
        )
