"""The sender's settings: one frozen object, read once, from KILOCALL_* and the command line."""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from shared.errors import ConfigError


class InputKind(StrEnum):
    """Where the pictures come from."""

    CAMERA = "camera"
    VIDEO = "video"
    PORTRAIT = "portrait"


class SenderSettings(BaseSettings):
    """What one sender process is told. Every field can be set by KILOCALL_<NAME>."""

    model_config = SettingsConfigDict(env_prefix="KILOCALL_", frozen=True, extra="forbid")

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

    audio_packet_ms: Literal[20, 40, 60] = 20
    """Longer packets save headers: 48 bytes and more each."""

    fps: Annotated[float, Field(ge=1, le=60)] = 25.0
    """Most frames a second; a slower source keeps its own rate."""

    frames_per_message: Annotated[int, Field(ge=1, le=3)] | None = None
    """None: 2, and 1 above 10 % of loss."""

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

    @classmethod
    def read(cls, **given: object) -> Self:
        """Settings from the environment, what is `given` (not None) first.

        Raises ConfigError with the first thing wrong.
        """
        try:
            return cls(**{name: value for name, value in given.items() if value is not None})  # type: ignore[arg-type]
        except SettingsError as error:
            raise ConfigError(f"{error}, JSON is expected") from None
        except ValidationError as error:
            first = error.errors()[0]
            name = ".".join(str(part) for part in first["loc"])
            if first["type"] == "missing":
                raise ConfigError(f"no {name} given, one is needed (--{name})") from None
            found = "" if not name else f"{name} {str(first.get('input'))[:60]!r}: "
            raise ConfigError(found + first["msg"].removeprefix("Value error, ")) from None
