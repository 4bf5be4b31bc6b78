"""The browser's side of the wire says what Python's does, byte for byte, in a real browser."""

import base64
import json
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import msgpack
import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page

from sender.message_planner import MessagePlanner
from sender.portrait import MovedPortrait
from shared.clock import NTP_UNIX_OFFSET_SECONDS, ticks_difference, ticks_from_ns
from shared.codec import DecodedMessage, FaceDecoder, FaceEncoder
from shared.codec_tables import TABLES_PATH
from shared.control_message import (
    Bye,
    ByeReason,
    CallMode,
    FaceState,
    Hello,
    KnownMessage,
    Mode,
    ReferenceBegin,
    ReferenceChunk,
    ReferenceEnd,
    ReferenceHeld,
    RefreshRequest,
    RefreshTarget,
    pack_control,
    parse_control,
)
from shared.errors import BitstreamError
from shared.identity_message import pack_identity, parse_identity
from shared.image_header import ImageFormat
from shared.parameters import Crop, FaceParameters, FloatArray, Identity
from shared.quantization import Precision
from shared.receiver_report import ReceiverReport
from shared.reference_parameters import pack_reference_parameters, parameters_as_received
from shared.reference_set import pose_expression_embedding
from shared.reference_transfer import ReferenceSender, image_digest
from tests.integration.browser import browser_page, chromium_path
from tests.integration.receiver_process import running_receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

_VECTORS = Path(__file__).parents[1] / "vectors" / "parameters_v2.json"
_FRAME_TICKS = 3600

_PREPARE = """
async (tables) => {
  const names = ["clock", "codec_tables", "control_message", "control_reader", "errors",
    "face_decoder", "face_encoder", "half_float", "identity_message", "message_planner",
    "receiver_report", "reference_parameters", "reference_transfer"];
  const modules = await Promise.all(names.map((name) => import(`/wire/${name}.js`)));
  globalThis.wire = Object.assign({}, ...modules, await import("/msgpack.js"));
  globalThis.tables = new wire.CodecTables(JSON.parse(tables));
  globalThis.bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.floats = (text) => new Float32Array(bytes(text).buffer);
  globalThis.base64 = (array) => {
    const view = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    return btoa(Array.from(view, (byte) => String.fromCharCode(byte)).join(""));
  };
  globalThis.faceOf = ([captureTime, text]) => ({ captureTime, vector: floats(text) });
  globalThis.textOf = ({ captureTime, vector }) => [captureTime, base64(vector)];
  globalThis.identityOf = ([coefficients, residual, residualStep]) => ({
    coefficients: floats(coefficients), residual: new Int8Array(bytes(residual).buffer),
    residualStep,
  });
  globalThis.refusal = (action) => {
    try { action(); return "none"; }
    catch (error) {
      if (error instanceof wire.MissingBaseError) return "missing base";
      if (error instanceof wire.VersionError) return "version";
      return error instanceof wire.BitstreamError ? "bitstream" : `${error}`;
    }
  };
}
"""

_REPLAY = """
(steps) => {
  const encoder = new wire.FaceEncoder(tables, { firstSequence: steps[0] });
  let slowest = 0, total = 0;
  const messages = [];
  for (const [kind, ...details] of steps.slice(1)) {
    if (kind === "report") encoder.acknowledge(wire.parseReceiverReport(bytes(details[0])));
    else if (kind === "refresh") encoder.forceIntra();
    else if (kind === "precision") encoder.precision = details[0];
    else {
      const [frames, setId, hold, repeated] = details;
      const faces = frames.map(faceOf);
      const start = performance.now();
      const message = encoder.encode(faces, { setId, hold, repeated });
      const took = performance.now() - start;
      slowest = Math.max(slowest, took);
      total += took;
      messages.push([base64(message), encoder.reconstructed.map(textOf), encoder.nextSequence]);
    }
  }
  return { messages, slowest, mean: total / messages.length };
}
"""

_DECODE = """
(arrivals) => {
  const decoder = new wire.FaceDecoder(tables);
  return arrivals.map((text) => {
    let decoded = null;
    const refused = refusal(() => { decoded = decoder.decode(bytes(text)); });
    if (decoded === null) return [refused, decoder.held()];
    const { frames, setId, sequence, hold, intra, repeated } = decoded;
    return [[frames.map(textOf), setId, sequence, hold, intra, repeated], decoder.held()];
  });
}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page() -> AsyncIterator[Page]:
    chromium_path()
    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.goto(receiver.url)
        await browser.page.evaluate(_PREPARE, TABLES_PATH.read_text())
        yield browser.page
        assert browser.problems == []


@pytest.fixture(scope="module")
def motion() -> list[FloatArray]:
    """(35,) vectors of a recorded trace."""
    portrait = MovedPortrait()
    return [portrait.parameters(index).vector for index in range(portrait.frame_count)]


class _Call:
    """One call as Python makes it, over a channel that loses, delays and repeats."""

    def __init__(self, seed: int, *, first_sequence: int = 0, first_time: int = 0) -> None:
        self._random = np.random.default_rng(seed)
        self._encoder = FaceEncoder(first_sequence=first_sequence)
        self._decoder = FaceDecoder()
        self._time = first_time
        self._reports: list[tuple[int, bytes]] = []
        self._on_the_way: list[bytes] = []
        self._before: FaceParameters | None = None
        self.steps: list[Any] = [first_sequence]
        self.expected: list[list[Any]] = []
        self.arrivals: list[bytes] = []

    def step(self, *step: Any) -> None:
        """A refresh or a change of precision."""
        if step[0] == "refresh":
            self._encoder.force_intra()
        else:
            self._encoder.precision = Precision(step[1])
        self.steps.append(step)

    def send(
        self,
        vectors: Sequence[FloatArray],
        *,
        set_id: int = 0,
        hold: bool = False,
        repeats: bool = False,
        intervals: Sequence[int] = (_FRAME_TICKS,),
    ) -> None:
        frames = []
        for index, vector in enumerate(vectors):
            self._time = (self._time + intervals[index % len(intervals)]) % 2**32
            frames.append(FaceParameters.from_vector(vector, capture_time=self._time))
        repeated = int(repeats and self._before is not None and len(frames) < 3)
        if repeated and self._before is not None:
            frames.insert(0, self._before)
        self._before = frames[-1]
        message = self._encoder.encode(frames, set_id=set_id, hold=hold, repeated=repeated)
        self.steps.append(["encode", [*map(_face, frames)], set_id, hold, repeated])
        reconstructed = [*map(_face, self._encoder.reconstructed)]
        self.expected.append([_base64(message), reconstructed, self._encoder.next_sequence])
        self._on_the_way.append(message)

    def carry(self, *, loss: float, report_delay: int) -> None:
        """Deliver what was sent, some of it late or twice; reports take so many calls."""
        while self._on_the_way:
            message = self._on_the_way.pop(0)
            if self._random.random() < loss:
                continue
            self._arrive(message)
            if self._random.random() < loss / 2:
                self._arrive(self.arrivals[-min(len(self.arrivals), 5)])
        held = self._decoder.held()
        if held is not None and self._random.random() >= loss:
            report = ReceiverReport(*held, delay_ms=7, transit_ms=9, received_bps=12_345.0)
            self._reports.append((len(self.expected) + report_delay, report.pack()))
        while self._reports and self._reports[0][0] <= len(self.expected):
            _, data = self._reports.pop(0)
            self._encoder.acknowledge(ReceiverReport.parse(data))
            self.steps.append(["report", _base64(data)])

    def _arrive(self, message: bytes) -> None:
        self.arrivals.append(message)
        # Late ones may be refused, and jumps that no face makes.
        with suppress(BitstreamError):
            self._decoder.decode(message)


async def _compare(page: Page, call: _Call, capsys: pytest.CaptureFixture[str]) -> None:
    found = await page.evaluate(_REPLAY, call.steps)
    messages = found["messages"]
    for index, (here, there) in enumerate(zip(messages, call.expected, strict=True)):
        assert here == there, f"message {index}"
    kinds = [base64.b64decode(message[0])[0] >> 3 & 3 for message in messages]
    with capsys.disabled():
        print(
            f" {len(messages)} messages, {kinds.count(0)} intra: "
            f"{found['mean']:.2f} ms each, at most {found['slowest']:.1f} ms"
        )
    decoded = await page.evaluate(_DECODE, [*map(_base64, call.arrivals)])
    decoder = FaceDecoder()
    for index, (message, seen) in enumerate(zip(call.arrivals, decoded, strict=True)):
        assert seen == _decoded(decoder, message), f"arrival {index}"


def _decoded(decoder: FaceDecoder, message: bytes) -> list[Any]:
    """What _DECODE returns of a message."""
    result: Any
    try:
        result = _fields(decoder.decode(message))
    except BitstreamError as error:
        result = "missing base" if type(error).__name__ == "MissingBaseError" else "bitstream"
    held = decoder.held()
    return [result, None if held is None else {"newest": held[0], "held": held[1]}]


def _fields(decoded: DecodedMessage) -> list[Any]:
    frames = [*map(_face, decoded.frames)]
    return [
        frames,
        decoded.set_id,
        decoded.sequence,
        decoded.hold,
        decoded.intra,
        decoded.repeated,
    ]


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("precision", Precision)
async def test_messages_of_a_recorded_trace(
    page: Page,
    motion: list[FloatArray],
    count: int,
    precision: Precision,
    capsys: pytest.CaptureFixture[str],
) -> None:
    call = _Call(1, first_sequence=65_500, first_time=2**32 - 300_000)
    call.step("precision", int(precision))
    for start in range(0, len(motion) - count, count):
        call.send(motion[start : start + count])
        call.carry(loss=0.0, report_delay=3)
    await _compare(page, call, capsys)


@pytest.mark.parametrize("seed", range(6))
async def test_messages_of_a_call_with_losses_jumps_and_pauses(
    page: Page, motion: list[FloatArray], seed: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Jumps beyond all limits, uneven times, sets, precisions, refreshes, lost reports."""
    random = np.random.default_rng(seed)
    call = _Call(seed, first_sequence=65_536 - 40 * seed, first_time=2**32 - 10**6)
    loss = (0.0, 0.1, 0.3, 0.5, 0.9, 0.2)[seed]
    set_id, place = 250, 0
    for index in range(400):
        if random.random() < 0.02:
            call.step("precision", int(random.integers(4)))
        if random.random() < 0.02:
            call.step("refresh")
        if random.random() < 0.02:
            set_id = (set_id + 1) % 256
        count = int(random.integers(1, 4))
        vectors = [motion[(place + step) % len(motion)].copy() for step in range(count)]
        place += count
        for vector in vectors:
            if random.random() < 0.05:
                size = 10.0 ** random.uniform(-1, 3)
                vector += (random.normal(size=35) * size).astype(np.float32)
                vector[34] = 0
        intervals = [
            int(random.choice([1, 90, 1800, 3000, 3601, 9000, 90_000, 4_000_000], p=_TIMES))
            for _ in range(count)
        ]
        call.send(
            vectors,
            set_id=set_id,
            hold=random.random() < 0.1,
            repeats=random.random() < 0.4,
            intervals=intervals,
        )
        # A run without any report goes beyond the farthest base.
        silent = 150 < index < 230
        call.carry(loss=1.0 if silent else loss, report_delay=int(random.integers(12)))
    await _compare(page, call, capsys)


_TIMES = (0.02, 0.02, 0.1, 0.2, 0.5, 0.1, 0.04, 0.02)


async def test_messages_of_the_vectors_decode(page: Page) -> None:
    messages = [bytes.fromhex(entry["message"]) for entry in json.loads(_VECTORS.read_text())]
    decoder = FaceDecoder()
    expected = [_decoded(decoder, message) for message in messages]
    assert all(isinstance(result, list) for result, _ in expected)
    assert await page.evaluate(_DECODE, [*map(_base64, messages)]) == expected


async def test_damaged_messages_are_refused_as_python_refuses_them(
    page: Page, motion: list[FloatArray]
) -> None:
    call = _Call(3)
    for start in range(0, 60, 2):
        call.send(motion[start : start + 2])
        call.carry(loss=0.0, report_delay=1)
    random = np.random.default_rng(4)
    arrivals: list[bytes] = [b"", b"\x40", bytes(300), b"\x20\x00", b"\x58\x00", b"\x50\x00"]
    for message in call.arrivals:
        arrivals.append(message)
        for _ in range(20):
            changed = bytearray(message)
            for _ in range(random.integers(1, 4)):
                changed[random.integers(2, len(changed))] = random.integers(256)
            cut = random.integers(2, len(changed) + 1)
            arrivals += [bytes(changed), bytes(changed[:cut]), bytes(changed) + b"\x01"]
        arrivals.append(random.bytes(int(random.integers(2, 60))))
    decoder = FaceDecoder()
    expected = [_decoded(decoder, message) for message in arrivals]
    refused = [result for result, _ in expected if isinstance(result, str)]
    assert len(refused) > 100
    assert len(refused) < len(expected) - 100
    assert await page.evaluate(_DECODE, [*map(_base64, arrivals)]) == expected


async def test_parameters_that_are_not_finite_are_refused(page: Page) -> None:
    refused = await page.evaluate(
        """
        () => [NaN, Infinity].map((value) => {
          const vector = new Float32Array(35).fill(value);
          const encoder = new wire.FaceEncoder(tables);
          try { encoder.encode([{ captureTime: 0, vector }], { setId: 0 }); }
          catch (error) { return [error instanceof RangeError, encoder.nextSequence]; }
          return null;
        })
        """
    )
    assert refused == [[True, 0]] * 2


async def test_halves_and_reference_parameters_are_rounded_alike(page: Page) -> None:
    random = np.random.default_rng(0)
    bits = random.integers(0, 2**32, 20_000, dtype=np.uint32)
    near = np.arange(0x8000, dtype=np.uint16).view(np.float16).astype(np.float32)
    near = near[np.isfinite(near)]
    ties = ((near[:-1].astype(np.float64) + near[1:]) / 2).astype(np.float32)
    values = np.concatenate([bits.view(np.float32), near, -near, ties, np.nextafter(ties, 1)])
    values = values[~np.isnan(values)]
    with np.errstate(over="ignore"):
        expected = values.astype(">f2").tobytes()
    vector = (random.normal(size=35) * 3).astype(np.float32)
    vector[[0, 30, 32, 33, 34]] = (100.0, -9.0, 6.0, -7.0, 0.0)
    face = FaceParameters.from_vector(vector, capture_time=5)
    found = await page.evaluate(
        """
        ({ values, half, face }) => ({
          halves: base64(wire.packHalves(floats(values))),
          numbers: base64(wire.parseHalves(bytes(half))),
          packed: base64(wire.packReferenceParameters(faceOf(face))),
          received: textOf(wire.parametersAsReceived(faceOf(face))),
        })
        """,
        {
            "values": _base64(values.tobytes()),
            "half": _base64(near.astype(">f2").tobytes()),
            "face": _face(face),
        },
    )
    assert found["halves"] == _base64(expected)
    assert found["numbers"] == _base64(near.tobytes())
    assert found["packed"] == _base64(pack_reference_parameters(face))
    assert found["received"] == _face(parameters_as_received(face))


async def test_identities_are_python_s_and_come_back(page: Page) -> None:
    random = np.random.default_rng(1)
    identities = [
        Identity(
            coefficients=random.normal(size=40).astype(np.float32),
            residual=(random.laplace(size=(478, 3)) * scale).clip(-128, 127).astype(np.int8),
            residual_step=0.1 / 127,
        )
        for scale in (0.0, 0.1, 0.5, 1.0, 4.0, 20.0, 40.0)
    ]
    packed = [pack_identity(identity) for identity in identities]
    found = await page.evaluate(
        """
        (identities) => identities.map((text) => {
          const packed = wire.packIdentity(identityOf(text));
          const received = wire.identityAsReceived(identityOf(text));
          const again = wire.packIdentity(received);
          return [base64(packed), base64(received.residual), base64(again)];
        })
        """,
        [*map(_identity, identities)],
    )
    for identity, data, seen in zip(identities, packed, found, strict=True):
        assert seen == [_base64(data), _base64(identity.residual.tobytes()), _base64(data)]
    data = packed[2]
    damaged = [b"", data[:80], data + bytes(5), data + bytes(2048), b"\x7c" + data[1:]]
    damaged += [data[:80] + b"\x40" + data[81:], data[:84] + b"\xff" * 900, data[:84] + b"\x9f"]
    for broken in damaged:
        with pytest.raises(BitstreamError):
            parse_identity(broken)
    refused = await page.evaluate(
        "(all) => all.map((text) => refusal(() => wire.parseIdentity(bytes(text))))",
        [*map(_base64, damaged)],
    )
    assert refused == ["bitstream"] * len(damaged)


async def test_msgpack_is_python_s(page: Page) -> None:
    values: list[Any] = [
        *(None, True, False, 0, 127, 128, 255, 256, 65535, 65536, 2**32 - 1, 2**32, 2**53 - 1),
        *(-1, -32, -33, -128, -129, -32768, -32769, -(2**31), -(2**31) - 1, -(2**53) + 1),
        *(0.5, -1e300, "", "ä" * 15, "ä" * 16, "x" * 31, "x" * 300, "z" * 70_000, [], [[1]]),
        *(list(range(15)), list(range(16)), [0.25] * 70_000, {}, {"b": 1, "a": {"c": [None]}}),
        *({f"k{i}": i for i in range(15)}, {f"k{i}": i * 1000 for i in range(70)}),
    ]
    found = await page.evaluate(
        "(values) => values.map((value) => base64(wire.encodeMsgpack(value)))", values
    )
    for value, seen in zip(values, found, strict=True):
        assert base64.b64decode(seen) == msgpack.packb(value)
    binary = [os.urandom(length) for length in (0, 255, 256, 65_536)]
    found = await page.evaluate(
        """
        (texts) => texts.map((text) =>
          base64(wire.encodeMsgpack([bytes(text), new wire.Float64(25), 25])))
        """,
        [*map(_base64, binary)],
    )
    assert [base64.b64decode(seen) for seen in found] == [
        msgpack.packb([data, 25.0, 25]) for data in binary
    ]


async def test_control_messages_are_python_s(page: Page, motion: list[FloatArray]) -> None:
    digest = bytes(range(16))
    hello = Hello(face_model_version=3, face_model_digest=digest, frame_rate_hz=25.0)
    face = FaceParameters.from_vector(motion[7], capture_time=2**32 - 5)
    residual = np.random.default_rng(0).integers(-3, 4, (478, 3)).astype(np.int8)
    identity = Identity(np.linspace(-2, 2, 40, dtype=np.float32), residual, 0.0005)
    begin = ReferenceBegin(
        255, 3, Crop(-12.0, 4.25, 300.0), 640, 480, face, ImageFormat.WEBP, 4000, identity
    )
    lost = Mode(CallMode.REBUILT, FaceState.LOST, muted=True, thin=True)
    long = "ü𝄞" * 200
    expected: list[KnownMessage] = [
        *(hello, replace(hello, frame_rate_hz=12.5, in_band_version=1, name="Zoë"), begin),
        *(replace(begin, identity=None), ReferenceChunk(7000, bytes(300)), ReferenceEnd(digest)),
        *(lost, Mode(CallMode.VIDEO, FaceState.CAMERA_OFF), Bye(ByeReason.LEFT)),
        Bye(ByeReason.OTHER, detail=long),
    ]
    found = await page.evaluate(
        """
        ({ digest, face, identity, long }) => {
          const faceModelDigest = bytes(digest);
          const hello = { type: "hello", faceModelVersion: 3, faceModelDigest, frameRateHz: 25 };
          const begin = {
            type: "ref", setId: 255, referenceId: 3, crop: { x: -12, y: 4.25, size: 300 },
            frameWidth: 640, frameHeight: 480, parameters: faceOf(face), imageFormat: "webp",
            imageBytes: 4000, identity: identityOf(identity),
          };
          return [
            hello, { ...hello, frameRateHz: 12.5, inBandVersion: 1, name: "Zoë" }, begin,
            { ...begin, identity: null },
            { type: "chunk", offset: 7000, data: new Uint8Array(300) },
            { type: "end", digest: faceModelDigest },
            { type: "mode", mode: "rebuilt", face: "lost", muted: true, thin: true },
            { type: "mode", mode: "video", face: "camera_off" },
            { type: "bye", reason: "left" }, { type: "bye", reason: "other", detail: long },
          ].map((message) => base64(wire.packControl(message)));
        }
        """,
        {
            "digest": _base64(digest),
            "face": _face(face),
            "identity": _identity(identity),
            "long": long,
        },
    )
    for message, seen in zip(expected, found, strict=True):
        data = base64.b64decode(seen)
        assert data == pack_control(message), message
        parse_control(data)


async def test_control_messages_are_read_and_others_refused(page: Page) -> None:
    hello = Hello(face_model_version=3, face_model_digest=bytes(16), frame_rate_hz=25.0)
    good = [
        pack_control(hello),
        pack_control(ReferenceHeld(255, 0)),
        pack_control(RefreshRequest(RefreshTarget.PARAMETERS)),
        pack_control(RefreshRequest(RefreshTarget.REFERENCE)),
        pack_control(Bye(ByeReason.REPLACED, detail="another tab")),
        msgpack.packb({"t": "bye", "r": "tired", "more": [1]}),
        msgpack.packb({"t": "weather", "x": 1}),
    ]
    bad = [
        *(b"", b"\xc1", b"\x80", msgpack.packb([1]), msgpack.packb({"t": 5}), bytes(70_000)),
        msgpack.packb({"t": "held", "s": 256, "i": 0}),
        msgpack.packb({"t": "held", "s": 1}),
        msgpack.packb({"t": "held", "s": True, "i": 0}),
        msgpack.packb({"t": "refresh", "w": "weather"}),
        msgpack.packb({"t": "x" * 257}),
        pack_control(replace(hello, frame_rate_hz=1000.0)),
        pack_control(replace(hello, face_model_digest=bytes(15))),
    ]
    other = [
        pack_control(replace(hello, protocol_version=3)),
        pack_control(replace(hello, bitstream_versions=(1,))),
        pack_control(replace(hello, bitstream_versions=())),
    ]
    found = await page.evaluate(
        """
        ({ good, bad }) => ({
          read: good.map((text) => {
            const message = wire.parseControl(bytes(text));
            if (message.type === "hello") message.faceModelDigest = message.faceModelDigest.length;
            return message;
          }),
          refused: bad.map((text) => refusal(() => wire.parseControl(bytes(text)))),
        })
        """,
        {"good": [*map(_base64, good)], "bad": [*map(_base64, bad + other)]},
    )
    first, *rest = found["read"]
    assert first["bitstreamVersions"] == [2]
    assert first["faceModelVersion"] == 3
    assert first["faceModelDigest"] == 16
    assert first["frameRateHz"] == 25
    assert first["inBandVersion"] == 0
    assert rest == [
        {"type": "held", "setId": 255, "referenceId": 0},
        {"type": "refresh", "target": "parameters"},
        {"type": "refresh", "target": "reference"},
        {"type": "bye", "reason": "replaced", "detail": "another tab"},
        {"type": "bye", "reason": "other", "detail": ""},
        {"type": "unknown", "typeName": "weather"},
    ]
    assert found["refused"] == ["bitstream"] * len(bad) + ["version"] * len(other)


async def test_receiver_reports_are_read(page: Page) -> None:
    reports = [
        ReceiverReport(65_535, 2**32 - 1, 70_000, -5, 0.0),
        ReceiverReport(1, 0x80000001, 3, 4, 500.0),
        ReceiverReport(1, 5, 3, 4, 3e7),
    ]
    bad = [b"", b"\x50" + bytes(10), b"\x48" + bytes(11), b"\x70" + bytes(11)]
    found = await page.evaluate(
        """
        ({ good, bad }) => [
          good.map((text) => Object.values(wire.parseReceiverReport(bytes(text)))),
          bad.map((text) => refusal(() => wire.parseReceiverReport(bytes(text)))),
        ]
        """,
        {
            "good": [_base64(report.pack() + b"more") for report in reports],
            "bad": [*map(_base64, bad)],
        },
    )
    for report, seen in zip(reports, found[0], strict=True):
        parsed = ReceiverReport.parse(report.pack())
        assert seen[:4] == [parsed.newest, parsed.held, parsed.delay_ms, parsed.transit_ms]
        assert seen[4] == pytest.approx(parsed.received_bps, rel=1e-12)
    assert found[1] == ["bitstream"] * len(bad)


@pytest.mark.parametrize("rate_bps", [2_000.0, 16_000.0, 123_457.0, 5e6])
async def test_references_are_cut_and_paced_alike(page: Page, rate_bps: float) -> None:
    data = np.random.default_rng(0).bytes(20_011)
    face = FaceParameters.from_vector(np.zeros(35, np.float32), capture_time=0)
    begin = ReferenceBegin(1, 0, Crop(0.0, 0.0, 256.0), 640, 480, face, ImageFormat.WEBP, len(data))
    sender = ReferenceSender(begin, data)
    expected: list[tuple[int, str]] = []
    for now_ms in range(0, 400_000, 7):
        buffered = 1 if now_ms % 35 == 0 else 0
        message = sender.next_message(
            now_ms * 1_000_000, rate_bps=rate_bps, buffered_bytes=buffered
        )
        if message is not None:
            expected.append((now_ms, _base64(pack_control(message))))
    found = await page.evaluate(
        """
        async ({ data, face, rateBps }) => {
          const picture = bytes(data);
          const begin = {
            type: "ref", setId: 1, referenceId: 0, crop: { x: 0, y: 0, size: 256 },
            frameWidth: 640, frameHeight: 480, parameters: faceOf(face), imageFormat: "webp",
            imageBytes: picture.length,
          };
          const sender = new wire.ReferenceSender(begin, picture, await wire.digestOf(picture));
          const found = [];
          for (let now = 0; now < 400_000; now += 7) {
            const bufferedBytes = now % 35 === 0 ? 1 : 0;
            const message = sender.nextMessage(now, { rateBps, bufferedBytes });
            if (message !== null) found.push([now, base64(wire.packControl(message))]);
          }
          return [found, sender.done];
        }
        """,
        {"data": _base64(data), "face": _face(face), "rateBps": rate_bps},
    )
    assert found == [[*map(list, expected)], True]
    end = parse_control(base64.b64decode(expected[-1][1]))
    assert isinstance(end, ReferenceEnd)
    assert end.digest == image_digest(data)


@pytest.mark.parametrize(("per_message", "repeated"), [(1, 0), (1, 1), (2, 0), (3, 1)])
async def test_frames_are_grouped_and_paused_alike(
    page: Page, motion: list[FloatArray], per_message: int, repeated: int
) -> None:
    planner = MessagePlanner()
    planner.frames_per_message, planner.repeated = per_message, repeated
    still = [motion[40]] * 60
    trembling = [
        motion[90] + np.random.default_rng(index).normal(size=35).astype(np.float32) * 0.02
        for index in range(60)
    ]
    vectors: list[FloatArray | None] = [*motion[:60], *still, *motion[50:90], *trembling]
    vectors += [*([None] * 40), *motion[:30], *still]
    steps: list[Any] = []
    expected: list[list[Any]] = []
    for index, vector in enumerate(vectors):
        time_ms, set_id = 40 * index, 1 + index // 230
        if vector is None:
            due = planner.face_gone(index * _FRAME_TICKS, time_ms * 1_000_000)
            steps.append([time_ms, index * _FRAME_TICKS, None, None])
        else:
            face = FaceParameters.from_vector(vector, capture_time=index * _FRAME_TICKS)
            due = planner.add(face, set_id, time_ms * 1_000_000)
            embedding = pose_expression_embedding(face).astype(np.float32)
            steps.append([time_ms, set_id, _face(face), _base64(embedding.tobytes())])
        expected.append(
            [[[*map(_face, m.frames)], m.set_id, m.hold, m.repeated] for m in due]
            + [planner.holding]
        )
    assert any(messages and before[-1] for before, (*messages, _) in pairwise(expected))
    found = await page.evaluate(
        """
        ({ steps, perMessage, repeated }) => {
          let embedding = null;
          const planner = new wire.MessagePlanner(() => embedding);
          planner.framesPerMessage = perMessage;
          planner.repeated = repeated;
          return steps.map(([timeMs, number, face, embedded]) => {
            if (face !== null) embedding = floats(embedded);
            const due = face === null
              ? planner.faceGone(number, timeMs)
              : planner.add(faceOf(face), number, timeMs);
            const texts = due.map((m) => [m.frames.map(textOf), m.setId, m.hold, m.repeated]);
            return [...texts, planner.holding];
          });
        }
        """,
        {"steps": steps, "perMessage": per_message, "repeated": repeated},
    )
    for index, (here, there) in enumerate(zip(found, expected, strict=True)):
        assert here == there, f"frame {index}"


async def test_capture_times_are_ticks_of_the_ntp_clock(page: Page) -> None:
    ntp_ms = [0, 1, 47_721_858, 47_721_859, 3_982_000_000_123, 4_294_967_296_000]
    found = await page.evaluate(
        """
        (all) => ({
          ticks: all.map((milliseconds) => wire.ticksFromNtpMs(milliseconds)),
          now: wire.captureTimeAt(),
          unixMs: performance.timeOrigin + performance.now(),
          differences: [wire.ticksDifference(5, 2 ** 32 - 5), wire.ticksDifference(0, 2 ** 31)],
        })
        """,
        ntp_ms,
    )
    assert found["ticks"] == [ticks_from_ns(value * 1_000_000) for value in ntp_ms]
    unix_ns = round(found["unixMs"] * 1e6)
    now = ticks_from_ns(unix_ns + NTP_UNIX_OFFSET_SECONDS * 1_000_000_000)
    assert 0 <= ticks_difference(now, found["now"]) < 900
    assert found["differences"] == [10, -(2**31)]


async def test_tables_of_another_version_are_refused(page: Page) -> None:
    assert await page.evaluate(
        """
        () => {
          try { new wire.CodecTables({ version: 1 }); }
          catch (error) { return error.message; }
        }
        """
    ) == ("codec tables 1, 2 is expected")


def _face(face: FaceParameters) -> list[Any]:
    return [face.capture_time, _base64(face.vector.tobytes())]


def _identity(identity: Identity) -> list[Any]:
    coefficients = _base64(identity.coefficients.tobytes())
    return [coefficients, _base64(identity.residual.tobytes()), identity.residual_step]


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
