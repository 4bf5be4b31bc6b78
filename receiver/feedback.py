"""What the receiver tells a publishing party: greeting, references held, needs, and reports."""

from receiver.published_stream import PublisherLink
from receiver.report_schedule import ReportSchedule, ReportSettings
from shared.codec import DecodedMessage, FaceDecoder
from shared.control_message import (
    DIGEST_BYTES,
    Hello,
    ReferenceHeld,
    RefreshRequest,
    RefreshTarget,
    pack_control,
)
from shared.errors import VersionError
from shared.face_model import FaceModel
from shared.in_band import IN_BAND_VERSION, Transport
from shared.metrics import Metrics
from shared.rate_meter import RateMeter

_REFRESH_INTERVAL_NS = 1_000_000_000
"""Between two requests for the same thing."""


class Feedback:
    """The way back to one party. Belongs to the event loop."""

    def __init__(
        self,
        link: PublisherLink,
        *,
        decoder: FaceDecoder,
        metrics: Metrics,
        settings: ReportSettings | None = None,
    ) -> None:
        """`decoder` knows which messages are held."""
        self._link = link
        self._decoder = decoder
        self._metrics = metrics
        self._reports = ReportSchedule(settings)
        self._received = RateMeter()
        self._refreshed_ns: dict[RefreshTarget, int] = {}
        self._reads_in_band = False
        """Whether the party reads reports in RTCP."""
        self._in_band = False
        """Whether the newest message came inside the sound."""

    @property
    def loss(self) -> float:
        """Share of the parameter messages lost lately, 0..1."""
        return self._reports.loss

    def greet(self, hello: Hello, model: FaceModel) -> None:
        """Answer a greeting. Raises VersionError for a party with another face model."""
        ours = bytes.fromhex(model.digest)[:DIGEST_BYTES]
        if hello.face_model_digest != ours:
            raise VersionError(
                f"face model {hello.face_model_version} ({hello.face_model_digest[:4].hex()}), "
                f"this side has {model.version} ({ours[:4].hex()})"
            )
        answer = Hello(
            face_model_version=model.version,
            face_model_digest=ours,
            frame_rate_hz=hello.frame_rate_hz,
            in_band_version=IN_BAND_VERSION,
        )
        self._reads_in_band = hello.in_band_version >= IN_BAND_VERSION
        self._link.send_control(pack_control(answer))

    def tell_held(self, set_id: int, reference_id: int) -> None:
        """Frames can be rendered from this reference."""
        held = ReferenceHeld(set_id=set_id, reference_id=reference_id)
        self._link.send_control(pack_control(held))

    def request(self, target: RefreshTarget, now_ns: int) -> None:
        """Ask for what is lacking, once a second at most."""
        last_ns = self._refreshed_ns.get(target)
        if last_ns is None or now_ns - last_ns >= _REFRESH_INTERVAL_NS:
            self._refreshed_ns[target] = now_ns
            self._metrics.count("refresh_requests", target.value)
            self._link.send_control(pack_control(RefreshRequest(target)))

    def receive(self, message: DecodedMessage, arrival_ns: int, transport: Transport) -> None:
        """A parameter message was decoded."""
        self._in_band = transport is Transport.IN_BAND
        self._reports.receive(message, arrival_ns, in_band=self._in_band)
        self._received.add(self._link.received_bytes(), arrival_ns)

    def report_if_due(self, now_ns: int) -> None:
        """Send the report that is due, if one is."""
        due_ns = self._reports.due_ns()
        held = self._decoder.held()
        if due_ns is None or due_ns > now_ns or held is None:
            return
        report = self._reports.report(held, received_bps=self._received.bps, now_ns=now_ns).pack()
        if self._in_band and self._reads_in_band and self._link.send_beside_sound(report):
            self._metrics.count("reports", Transport.IN_BAND.value)
        elif self._link.send_parameters(report):
            self._metrics.count("reports", Transport.DATA_CHANNEL.value)
        else:
            self._metrics.count("drops", "report")
