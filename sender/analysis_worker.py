"""The sender's one computing thread: frames in, messages and references out."""

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sender.analysis import Analysis, FaceAnalyser
from sender.capture import CapturedFrame, FrameSlot
from sender.encoded_message import EncodedMessage
from sender.frame_spacing import FrameSpacing
from sender.message_planner import MessagePlanner, OutgoingMessage
from sender.operating_point import OperatingPoint
from sender.reference_encoder import EncodedReference
from shared.clock import SystemClock
from shared.codec import FaceEncoder
from shared.control_message import FaceState
from shared.errors import InferenceError
from shared.metrics import Metrics, Stage
from shared.receiver_report import ReceiverReport
from shared.residual_coder import warm_up
from shared.sequence import sequence_add

_logger = logging.getLogger(__name__)

_IDLE_SECONDS = 0.2
_MAX_INFERENCE_ERRORS = 25
"""In a row; then the thread gives up: a network that fails for a second does not recover."""


@dataclass(frozen=True, slots=True, eq=False)
class WorkerOutput:
    """What one frame, or a pause without one, led to."""

    messages: tuple[EncodedMessage, ...]
    reference: EncodedReference | None
    state: FaceState
    """Debounced; CAMERA_FAILED is the capture's to tell."""


class AnalysisWorker:
    """Analyses and encodes in its own thread; everything it is told is taken up between frames.

    Idle while nobody listens: frames are thrown away until `start_session`.
    """

    def __init__(
        self,
        analyser: FaceAnalyser,
        slot: FrameSlot,
        *,
        clock: SystemClock,
        metrics: Metrics,
        on_output: Callable[[WorkerOutput], None],
        on_failure: Callable[[Exception], None],
        on_analysed: Callable[[CapturedFrame, Analysis], None] = lambda frame, analysis: None,
    ) -> None:
        """The callbacks are called from the thread."""
        self._analyser = analyser
        self._slot = slot
        self._clock = clock
        self._metrics = metrics
        self._on_output = on_output
        self._on_failure = on_failure
        self._on_analysed = on_analysed
        self._planner = MessagePlanner()
        self._spacing = FrameSpacing()
        self._encoder = FaceEncoder()
        self._listening = False
        self._state = FaceState.LOST
        self._inference_errors = 0
        self._told: deque[Callable[[], None]] = deque(maxlen=256)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="analysis", daemon=True)

    def start(self) -> None:
        warm_up()
        self._thread.start()

    def stop(self) -> None:
        """End the thread and wait for it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2.0)

    # The following may be called from any thread.

    def start_session(self) -> None:
        """A receiver is there that holds nothing yet."""
        self._told.append(self._start_session)

    def end_session(self) -> None:
        """Nobody listens."""
        self._told.append(self._end_session)

    def resend_references(self) -> None:
        """The receiver lost its references."""
        self._told.append(self._resend_references)

    def force_intra(self) -> None:
        """The receiver lacks the base of the messages."""
        self._told.append(lambda: self._encoder.force_intra())

    def reference_held(self, set_id: int, reference_id: int) -> None:
        """The receiver holds this reference."""
        self._analyser.reference_held(set_id, reference_id)

    def acknowledge(self, report: ReceiverReport) -> None:
        """What the receiver holds."""
        self._told.append(lambda: self._encoder.acknowledge(report))

    def apply(self, point: OperatingPoint) -> None:
        """How to send from now on."""
        self._told.append(lambda: self._apply(point))

    # The following run in the thread.

    def _start_session(self) -> None:
        self._encoder = FaceEncoder(precision=self._encoder.precision)
        self._planner.restart()
        self._listening = True
        self._resend_references()

    def _end_session(self) -> None:
        self._listening = False

    def _resend_references(self) -> None:
        for reference in self._analyser.sent_references():
            self._metrics.count("references_sent_again")
            self._on_output(WorkerOutput((), reference, self._state))

    def _apply(self, point: OperatingPoint) -> None:
        self._planner.frames_per_message = point.frames_per_message
        self._planner.repeated = point.repeated
        self._encoder.precision = point.precision
        self._spacing.frame_rate_hz = point.frame_rate_hz if point.is_thinned else None

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                frame = self._slot.take(_IDLE_SECONDS)
                while self._told:
                    self._told.popleft()()
                if not self._listening:
                    continue
                if frame is not None and not self._spacing.keep(frame.time_ns):
                    self._metrics.count("frames_dropped", "rate")
                    continue
                output = self._pause() if frame is None else self._step(frame)
                if output is not None:
                    self._on_output(output)
        except Exception as error:  # the top of the thread: the process ends with this line
            self._on_failure(error)

    def _pause(self) -> WorkerOutput | None:
        now_ns = self._clock.now_ns()
        planned = self._planner.poll(self._clock.ticks_at(now_ns), now_ns)
        if not planned:
            return None
        return WorkerOutput(self._encode(planned), None, self._state)

    def _step(self, frame: CapturedFrame) -> WorkerOutput | None:
        try:
            analysis = self._analyser.analyse(frame.image, frame.capture_time, frame.time_ns)
        except InferenceError as error:
            self._metrics.count("frames_dropped", "inference")
            self._inference_errors += 1
            if self._inference_errors >= _MAX_INFERENCE_ERRORS:
                raise
            _logger.debug("frame left out: %s", error)
            return None
        self._inference_errors = 0
        self._state = analysis.state
        self._on_analysed(frame, analysis)
        if analysis.parameters is None:
            planned = self._planner.face_gone(frame.capture_time, frame.time_ns)
        else:
            planned = self._planner.add(analysis.parameters, analysis.set_id, frame.time_ns)
        return WorkerOutput(self._encode(planned), analysis.reference, analysis.state)

    def _encode(self, planned: list[OutgoingMessage]) -> tuple[EncodedMessage, ...]:
        messages = []
        for message in planned:
            start_ns = time.perf_counter_ns()
            encoded = self._encoder.encode(
                message.frames,
                set_id=message.set_id,
                hold=message.hold,
                repeated=message.repeated,
            )
            self._metrics.observe_ms(Stage.ENCODE, (time.perf_counter_ns() - start_ns) / 1e6)
            messages.append(
                EncodedMessage(
                    data=encoded,
                    sequence=sequence_add(self._encoder.next_sequence, -1),
                    capture_time=message.frames[-1].capture_time,
                    frame_count=len(self._encoder.reconstructed),
                    hold=message.hold,
                )
            )
            self._metrics.count("frames_sent", increment=len(message.frames) - message.repeated)
            self._metrics.count("messages_sent")
            self._metrics.count("payload_bytes", increment=len(encoded))
        return tuple(messages)
