"""What a receiver counts: each counter's meaning, and its labels as far as they are known.

A counter of Prometheus that begins with its first event hides that event from `rate` and
`increase`; so `/metrics` shows all of these from the start, with 0.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from receiver.parameter_track import SampleKind
from receiver.rooms import Role
from shared.control_message import ByeReason, CallMode, FaceState, RefreshTarget
from shared.in_band import Transport


@dataclass(frozen=True, slots=True)
class Counter:
    """One counter of `Metrics.count`."""

    meaning: str
    """In one line, as `/metrics` gives it."""

    labels: tuple[str, ...] = ("",)
    """All that code or protocol name; none where only the hardware or the load decides."""


_ROLES = tuple(one.value for one in Role)
_TRANSPORTS = tuple(one.value for one in Transport)

COUNTERS: Mapping[str, Counter] = MappingProxyType(
    {
        "batches": Counter("Runs of the generator, by pictures in one", ()),
        "batches_split": Counter("Batches repeated picture by picture after a failure"),
        "breaches": Counter("Breaches of the protocol by peers", _ROLES),
        "calls_refused": Counter(
            "Parties refused for want of room to render", ("max_calls", "device_memory")
        ),
        "camera_scaled": Counter("Pictures of ordinary video that were made smaller"),
        "drops": Counter(
            "Packets, pictures and reports dropped on their way",
            (
                "audio_codec",
                "audio_invalid",
                "audio_late",
                "audio_overflow",
                "audio_undated",
                "bitstream",
                "camera_backlog",
                "camera_frame",
                "camera_packet",
                "camera_rate",
                "camera_size",
                "camera_stalled",
                "in_band_damaged",
                "report",
                "video",
                "viewer_media",
                "viewer_status",
            ),
        ),
        "face_states": Counter(
            "Changes of what senders see", tuple(one.value for one in FaceState)
        ),
        "frames_dropped": Counter(
            "Frames of parameters or pictures that were not shown",
            (
                "failed",
                "no_reference",
                "out_of_order",
                "render",
                "stale",
                "tick",
                "video_shown",
                "viewer",
            ),
        ),
        "messages_dropped": Counter(
            "Messages from senders that were refused",
            (
                "control_invalid",
                "control_unexpected",
                "control_unknown",
                "parameters_implausible_time",
                "parameters_invalid",
                "parameters_missing_base",
                "parameters_report",
            ),
        ),
        "modes": Counter(
            "Changes between rebuilt picture and ordinary video",
            tuple(one.value for one in CallMode),
        ),
        "parameter_messages": Counter("Messages of parameters that came", _TRANSPORTS),
        "pictures": Counter("Pictures rebuilt"),
        "plain_frames": Counter("Pictures of ordinary video passed on"),
        "reference_bytes": Counter("Bytes of the reference pictures that came"),
        "references_dropped": Counter(
            "Reference pictures that cannot be used",
            ("busy", "device_memory", "invalid", "old_set", "timeout"),
        ),
        "references_received": Counter("Reference pictures that came whole"),
        "refresh_requests": Counter(
            "What senders were asked to send again", tuple(one.value for one in RefreshTarget)
        ),
        "refused": Counter(
            "Requests refused, by HTTP status; or a peer's version",
            (
                *map(str, (400, 401, 403, 404, 406, 409, 413, 415, 429, 502, 503, 504)),
                "version",
            ),
        ),
        "render_busy_us": Counter("Microseconds in which what renders was busy, by its part", ()),
        "reports": Counter("Reports to senders on what came", _TRANSPORTS),
        "session_failures": Counter("Sessions ended by a fault of the receiver's", _ROLES),
        "sessions_ended": Counter("Sessions that ended", tuple(one.value for one in ByeReason)),
        "sessions_opened": Counter("Sessions that began", _ROLES),
        "sessions_vanished": Counter("Sessions that ended in silence", _ROLES),
        "ticks": Counter(
            "Moments of the picture's rhythm, by where its parameters come from",
            tuple(one.value for one in SampleKind),
        ),
    }
)
