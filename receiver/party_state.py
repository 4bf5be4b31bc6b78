"""What the receiver tells about a publishing party: to rooms, pages, logs and metrics."""

from dataclasses import dataclass, field

from shared.control_message import CallMode, FaceState


@dataclass(frozen=True, slots=True)
class PartyStatistics:
    """Numbers of the last second or so, renewed once a second."""

    frames_per_second: float = 0.0
    """Pictures, rebuilt or of ordinary video."""

    messages_per_second: float = 0.0
    """Parameter messages that came."""

    payload_bps: float = 0.0
    """Their bytes, without any header below them."""

    loss: float = 0.0
    """Share of parameter messages lost, 0..1."""

    concealed: float = 0.0
    """Share of ticks without a frame to show or to interpolate from, 0..1."""

    latency_p50_ms: float | None = None
    """Capture to picture handed to the viewers' tracks, of the last few seconds; both clocks
    compared, so right only where they agree. None before the first picture."""

    latency_p95_ms: float | None = None
    playout_delay_ms: float = 0.0
    jitter_ms: float = 0.0
    references_held: int = 0
    """Of the set that is shown."""


@dataclass(frozen=True, slots=True)
class PartyState:
    """One moment of a party."""

    connected: bool = False
    """Its parameters or control messages came."""

    interrupted: bool = False
    """Nothing came for three seconds; the session ends at thirty."""

    waiting: bool = True
    """There is no picture to show yet."""

    face: FaceState = FaceState.TRACKED
    mode: CallMode = CallMode.REBUILT
    plain: bool = False
    """Ordinary video is shown; nothing is rebuilt."""

    muted: bool = False
    thin: bool = False
    """Its link carries less than the call needs: picture and sound suffer."""

    name: str = ""
    """What it calls itself; anything, never a metric's label."""

    generator: str = ""
    """Name of what rebuilds the picture."""

    statistics: PartyStatistics = field(default_factory=PartyStatistics)
