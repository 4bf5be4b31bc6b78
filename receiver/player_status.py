"""What a viewer is told about the party that it watches, gathered from where it is known."""

from receiver.party_state import PartyStatistics
from receiver.session import Session
from receiver.status_message import PlayerStatus
from receiver.whep import WhepSession
from receiver.whip import WhipSession
from shared.clock import Clock
from shared.webrtc.wire_rates import WireRates


class StatusReporter:
    """Makes status messages; one for the process."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    def describe(self, publisher: WhipSession | None, player: WhepSession) -> PlayerStatus:
        """The status of the moment; `publisher` is None while nobody publishes."""
        hop = self._rates(player)
        if publisher is None or publisher.stream is None:
            return PlayerStatus(present=False, picture_hop_bps=hop.video_sent_bps)
        wire = self._rates(publisher)
        state = publisher.stream.state
        statistics = state.statistics
        return PlayerStatus(
            present=True,
            life=publisher.life.value,
            plain=state.plain,
            waiting=state.waiting,
            state=state.face.value,
            mode=state.mode.value,
            muted=state.muted,
            name=state.name or None,
            thin=state.thin,
            generator=state.generator or None,
            fps=round(statistics.frames_per_second, 1),
            playout_delay_ms=round(statistics.playout_delay_ms, 1),
            latency_ms=_latency(statistics),
            transport=publisher.parameter_transport and publisher.parameter_transport.value,
            loss=round(statistics.loss, 3),
            audio_loss=round(publisher.audio_loss, 3),
            wire_bps_forward=wire.data_received_bps,
            wire_bps_reverse=wire.data_sent_bps,
            audio_wire_bps=wire.audio_received_bps + wire.audio_sent_bps,
            connection_bps=wire.connection_bps,
            picture_hop_bps=hop.video_sent_bps,
            publisher_video_bps=wire.video_received_bps,
            references=statistics.references_held,
            audio_clock=player.audio_clock,
            video_clock=player.video_clock,
        )

    def _rates(self, session: Session) -> WireRates:
        return session.wire_rates.rates(session.peer.wire.snapshot(), self._clock.now_ns())


def _latency(statistics: PartyStatistics) -> dict[str, float] | None:
    p50_ms, p95_ms = statistics.latency_p50_ms, statistics.latency_p95_ms
    if p50_ms is None or p95_ms is None:
        return None
    return {"p50": round(p50_ms, 1), "p95": round(p95_ms, 1)}
