"""When the receiver tells the sender what it holds, in as few packets as do.

A report lets the sender predict from a newer message, and costs some 90 bytes on the wire with
everything around its own 11. On eight tracked clips at two frames a message, reports every 80,
160, 250, 330, 500 ms gave 1.79, 1.94, 2.10, 2.15, 2.20 kbit/s of payload: three a second cost
50 bit/s forward against four and save 780 back. After an intra message one goes out at once,
since each further intra message costs more than the report.

For messages that come inside the sound a report goes beside it (RTCP, 66 bytes), and one a second
will do: this is the way for the thinnest links.
"""

from collections import deque
from dataclasses import dataclass

from shared.clock import ns_from_ticks, ticks_difference
from shared.codec import DecodedMessage
from shared.receiver_report import ReceiverReport
from shared.sequence import sequence_difference

_SEQUENCES = 64
"""That are known again when they come twice; the network repeats soon or never."""


_LOSSY = 0.1
"""From here on one report a second is not one heard each second."""


@dataclass(frozen=True, slots=True)
class ReportSettings:
    """How often the receiver reports."""

    interval_ms: float = 330.0
    """Between reports while messages come."""

    hurry_interval_ms: float = 80.0
    """The same after an intra message."""

    in_band_interval_ms: float = 1000.0
    """While messages come inside the sound and few are lost."""


class ReportSchedule:
    """Counts messages and says when a report is due; pure."""

    def __init__(self, settings: ReportSettings | None = None) -> None:
        self._settings = settings or ReportSettings()
        self._newest: tuple[int, int] | None = None
        """(sequence, capture time) of the newest message."""
        self._newest_arrival_ns = 0
        self._transit_ns = 0
        """Of the newest message, less that of the first."""
        self._received = 0
        self._expected = 0
        self._intra_seen = False
        self._in_band = False
        self._seen: deque[int] = deque(maxlen=_SEQUENCES)
        self._sent_ns: int | None = None
        self.loss = 0.0
        """Share of the messages lost up to the last report, smoothed."""

    def receive(self, message: DecodedMessage, arrival_ns: int, *, in_band: bool = False) -> None:
        """A message was decoded, which came inside the sound or not."""
        self._in_band = in_band
        if message.sequence in self._seen:
            return  # the network repeated it
        self._seen.append(message.sequence)
        self._received += 1
        self._intra_seen |= message.intra
        capture_time = message.frames[-1].capture_time
        if self._newest is None:
            self._expected += 1
        else:
            sequence, earlier_time = self._newest
            step = sequence_difference(message.sequence, sequence)
            if step <= 0:
                return
            # An encoder that starts anew jumps; nothing was lost then.
            self._expected += step if step < 1000 else 1
            # Step by step, for capture times wrap.
            self._transit_ns += arrival_ns - self._newest_arrival_ns
            self._transit_ns -= ns_from_ticks(ticks_difference(capture_time, earlier_time))
        self._newest = (message.sequence, capture_time)
        self._newest_arrival_ns = arrival_ns

    def due_ns(self) -> int | None:
        """When the next report is due; None while nothing new came."""
        if self._received == 0:
            return None
        if self._sent_ns is None:
            return self._newest_arrival_ns
        settings = self._settings
        interval_ms = settings.interval_ms
        if self._intra_seen:
            interval_ms = settings.hurry_interval_ms
        elif self._in_band and self.loss < _LOSSY:
            interval_ms = settings.in_band_interval_ms
        return self._sent_ns + int(interval_ms * 1e6)

    def report(
        self, held: tuple[int, int], *, received_bps: float = 0.0, now_ns: int
    ) -> ReceiverReport:
        """The report that is due; `held` is `FaceDecoder.held`'s."""
        lost = max(self._expected - self._received, 0)
        share = lost / self._expected if self._expected > 0 else 0.0
        self.loss += (share - self.loss) * 0.2
        self._received = self._expected = 0
        self._intra_seen = False
        self._sent_ns = now_ns
        newest, bits = held
        return ReceiverReport(
            newest=newest,
            held=bits,
            delay_ms=max(now_ns - self._newest_arrival_ns, 0) // 1_000_000,
            transit_ms=self._transit_ns // 1_000_000,
            received_bps=received_bps,
        )
