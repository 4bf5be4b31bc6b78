"""Which picture of a party its viewers see: the rebuilt one or its camera's video."""

from shared.control_message import CallMode
from shared.limits import MODE_CHANGE_MIN_NS

VIDEO_STALLED_NS = 3_000_000_000
"""Video that was silent for longer gives way to a face that still comes."""

_FRESH_NS = 300_000_000
"""Without a message for longer, a face waits for video as it is, and is not concealed."""

_GAP_NS = 1_500_000_000
"""A pause keeps itself alive once a second."""


class PictureSwitch:
    """Follows the party's mode; pure: times are handed in, monotonic nanoseconds.

    The picture changes with the first one of the new kind, and until then the last one stays. A
    party that changes its mind faster than `MODE_CHANGE_MIN_NS` is followed at that pace.
    """

    def __init__(self) -> None:
        self._mode = CallMode.REBUILT
        self._asked = CallMode.REBUILT
        self._shown = CallMode.REBUILT
        self._changed_ns: int | None = None
        self._message_ns: int | None = None
        self._video_ns = 0

    @property
    def mode(self) -> CallMode:
        """The mode that is followed."""
        return self._mode

    @property
    def shown(self) -> CallMode:
        """What the viewers see."""
        return self._shown

    def ask(self, mode: CallMode) -> None:
        """The party told its mode; `settle` follows it."""
        self._asked = mode

    def settle(self, now_ns: int) -> bool:
        """Follow what was asked for, if it is time; whether the mode changed."""
        if self._asked is self._mode:
            return False
        if self._changed_ns is not None and now_ns - self._changed_ns < MODE_CHANGE_MIN_NS:
            return False
        self._mode, self._changed_ns = self._asked, now_ns
        self._message_ns = self._message_ns if self._shown is CallMode.REBUILT else None
        return True

    def receive_message(self, now_ns: int) -> bool:
        """Parameters came; whether no picture that is shown leads to them: they begin anew."""
        then_ns, self._message_ns = self._message_ns, now_ns
        is_first = then_ns is None or now_ns - then_ns > _GAP_NS
        return is_first and self._shown is CallMode.VIDEO

    def rebuilds(self, now_ns: int) -> bool:
        """Whether pictures are to be rebuilt now."""
        if self._mode is CallMode.REBUILT:
            return self._shown is CallMode.REBUILT or self._message_ns is not None
        if self._shown is CallMode.VIDEO and now_ns - self._video_ns < VIDEO_STALLED_NS:
            return False
        return self._message_ns is not None and now_ns - self._message_ns < _FRESH_NS

    def show_rebuilt(self, now_ns: int) -> bool:
        """A rebuilt picture is there; whether to show it. One that comes late is not."""
        if self._shown is CallMode.VIDEO:
            if not self.rebuilds(now_ns):
                return False
            self._shown = CallMode.REBUILT
        return True

    def show_video(self, now_ns: int) -> bool:
        """A frame of video is there; whether to show it."""
        if self._mode is not CallMode.VIDEO:
            return False
        self._shown, self._video_ns = CallMode.VIDEO, now_ns
        return True
