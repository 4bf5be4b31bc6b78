"""The receiver's settings."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, SecretStr, model_validator

from shared.inference.device import Device
from shared.settings import ProcessSettings
from shared.shipped_generators import default_generator
from shared.webrtc.ice_servers import IceServer


def _state_folder() -> Path:
    return Path.home() / ".local" / "state" / "kilocall"


class ReceiverSettings(ProcessSettings):
    """What one receiver process is told. Every field can be set by KILOCALL_<NAME>."""

    host: str = "127.0.0.1"
    """Address to listen on; 0.0.0.0 or :: for every network."""

    port: Annotated[int, Field(ge=0, le=65535)] = 8080
    """TCP port; 0 takes a free one, which is printed."""

    tls_self_signed: bool = False
    """Serve HTTPS with a certificate made at the start, for this machine's names and addresses."""

    tls_certificate: Path | None = None
    """PEM file of a certificate (chain); with `tls_key` serves HTTPS."""

    tls_key: Path | None = None
    """PEM file of the certificate's key."""

    token_secret: SecretStr | None = None
    """At least 32 bytes; without it the one in `state_folder`, made on first use."""

    state_folder: Path = Field(default_factory=_state_folder)
    """Where the token secret and the self-signed certificate are kept, readable by the owner."""

    ice_servers: tuple[IceServer, ...] = ()
    """Given to both sides of each connection; JSON, [{"url": "stun:..."}, ...]."""

    turn_urls: tuple[str, ...] = ()
    """TURN servers with which `turn_secret` is shared; JSON, ["turn:host:3478", ...]."""

    turn_secret: SecretStr | None = None
    """coturn's `static-auth-secret`; makes short-lived credentials for each connection."""

    turn_credential_minutes: Annotated[int, Field(ge=1, le=24 * 60)] = 120
    """How long such a credential is good; a connection in use outlives it."""

    udp_ports: str | None = None
    """FIRST-LAST, what a firewall lets in for media; any port otherwise. A connection takes one, on
    each address of this machine, and a party has two connections."""

    room_creation: Literal["anyone", "loopback", "nobody"] = "loopback"
    """Who may ask for a fresh room (`POST /rooms`); `loopback`: browsers on this machine."""

    invite_minutes: Annotated[float, Field(gt=0, le=24 * 60 * 31)] = 60.0
    """How long a fresh link is good; while it is in use it is renewed."""

    link_hours: Annotated[float, Field(gt=0, le=24 * 31)] = 24.0
    """How long a link that is in use can be renewed."""

    public_url: str | None = None
    """Address at which others reach the page, for links; else the one that a request came by."""

    generator: str = Field(default_factory=default_generator)
    """`warp`, the name of an embedded bundle, or a bundle's folder; `lite` where it is shipped."""

    threads: Annotated[int, Field(ge=1, le=64)] = 1
    """Threads of one network inside the worker."""

    device: Device = Device.AUTO
    """What runs a bundle: `tensorrt`, `cuda`, `cpu`, or the best of them that is there."""

    engine_folder: Path | None = None
    """Where TensorRT's engines are kept; ~/.cache/kilocall/engines where none is given."""

    picture_hop_max_bps: Annotated[int, Field(ge=100_000, le=10_000_000)] = 500_000
    """Ceiling in bit/s of the rebuilt picture's video to each viewer."""

    fallback_video_max_bps: Annotated[int, Field(ge=30_000, le=10_000_000)] = 300_000
    """What a party may send in bit/s of ordinary video, in place of its rebuilt picture."""

    draw_capture_time: bool = False
    """Draw each picture's capture time into it as a bar code; for measurements."""

    trace: Path | None = None
    """Where to write what was counted, as JSON lines twice a second."""

    max_rooms: Annotated[int, Field(ge=1, le=10_000)] = 16
    """Calls at one time; more are answered 503."""

    max_calls: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """Parties whose picture is rebuilt at one time; more are answered 503, to try again later.
    None: as many as the device has memory for."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("tls_certificate and tls_key: one is given, both or none allowed")
        if self.tls_certificate is not None and self.tls_self_signed:
            raise ValueError("tls_self_signed and tls_certificate: both are given, one allowed")
        if bool(self.turn_urls) != (self.turn_secret is not None):
            raise ValueError("turn_urls and turn_secret: one is given, both or none allowed")
        return self
