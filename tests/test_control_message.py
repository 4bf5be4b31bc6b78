"""Control messages: what is packed is parsed, and nothing else gets through."""

import contextlib
from dataclasses import replace
from typing import Any

import msgpack
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
    UnknownMessage,
    pack_control,
    parse_control,
)
from shared.errors import BitstreamError, VersionError
from shared.identity_message import identity_as_received, pack_identity, parse_identity
from shared.image_header import ImageFormat
from shared.limits import CONTROL_MESSAGE_MAX_BYTES
from shared.parameters import Crop, FaceParameters, Identity
from shared.reference_parameters import parameters_as_received


def _identity() -> Identity:
    random = np.random.default_rng(1)
    residual = np.clip(random.laplace(scale=12, size=(478, 3)), -128, 127).astype(np.int8)
    return Identity(random.normal(size=40).astype(np.float32), residual, 0.001)


def _begin(**changes: Any) -> ReferenceBegin:
    vector = np.random.default_rng(2).normal(size=35).astype(np.float32) * 0.5
    vector[34] = 0.0
    fields: dict[str, Any] = {
        "set_id": 3,
        "reference_id": 255,
        "crop": Crop(-10.25, 4.0, 300.5),
        "frame_width": 640,
        "frame_height": 480,
        "parameters": FaceParameters.from_vector(vector, capture_time=2**32 - 1),
        "image_format": ImageFormat.AVIF,
        "image_bytes": 4000,
        "identity": _identity(),
    }
    return ReferenceBegin(**{**fields, **changes})


_HELLO = Hello(face_model_version=1, face_model_digest=bytes(range(16)), frame_rate_hz=25.0)
_PLAIN: list[KnownMessage] = [
    _HELLO,
    ReferenceChunk(400, b"\x00\xff" * 200),
    ReferenceEnd(bytes(16)),
    ReferenceHeld(3, 255),
    RefreshRequest(RefreshTarget.PARAMETERS),
    RefreshRequest(RefreshTarget.REFERENCE),
    Mode(CallMode.REBUILT, FaceState.SEVERAL, muted=True),
    Mode(CallMode.REBUILT, FaceState.TRACKED, thin=True),
    Bye(ByeReason.REPLACED),
    replace(_HELLO, in_band_version=1),
]
_ALL: list[KnownMessage] = [*_PLAIN, _begin(), _begin(identity=None)]


@pytest.mark.parametrize("message", _PLAIN)
def test_round_trip(message: KnownMessage) -> None:
    assert parse_control(pack_control(message)) == message


def test_reference_begin_round_trip() -> None:
    begin = _begin()
    parsed = parse_control(pack_control(begin))
    assert isinstance(parsed, ReferenceBegin)
    assert parsed.crop == begin.crop
    assert parsed.parameters.capture_time == 2**32 - 1
    expected = parameters_as_received(begin.parameters)
    assert parsed.parameters.vector.tobytes() == expected.vector.tobytes()
    assert np.abs(parsed.parameters.vector - begin.parameters.vector).max() < 2e-3
    assert begin.identity is not None
    assert parsed.identity is not None
    assert (parsed.identity.residual == begin.identity.residual).all()
    again = identity_as_received(parsed.identity)
    assert (again.coefficients == parsed.identity.coefficients).all()
    assert again.residual_step == parsed.identity.residual_step


def test_an_identity_is_small_and_damage_is_refused() -> None:
    data = pack_identity(_identity())
    assert len(data) <= 1536
    for length in range(0, len(data), 7):
        try:
            parse_identity(data[:length])
        except BitstreamError:
            continue
    with pytest.raises(BitstreamError, match=r"^identity of 83 bytes, 84 to 2048 are allowed$"):
        parse_identity(data[:83])
    not_finite = b"\x7c\x00" + data[2:]
    with pytest.raises(BitstreamError, match=r"^identity coefficients beyond 16 or not finite$"):
        parse_identity(not_finite)


@pytest.mark.parametrize("residual", [0, 127, -128])
def test_extreme_identities(residual: int) -> None:
    identity = Identity(np.zeros(40, np.float32), np.full((478, 3), residual, np.int8), 0.0)
    assert (identity_as_received(identity).residual == residual).all()


def _changed(message: KnownMessage, **changes: object) -> bytes:
    fields = msgpack.unpackb(pack_control(message))
    for key, value in changes.items():
        if value is None:
            del fields[key]
        else:
            fields[key] = value
    packed: bytes = msgpack.packb(fields)
    return packed


def _parameters(value: float) -> bytes:
    return np.full(34, value, ">f2").tobytes()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (
            _changed(_begin(), p=_parameters(float("nan"))),
            "parameter 0 of the reference is nan, at most 8 in magnitude is allowed",
        ),
        (
            _changed(_begin(), p=_parameters(8.0)),
            "parameter 28 of the reference is 8, at most 4 in magnitude is allowed",
        ),
        (_changed(_begin(), p=b"1"), "p of 1 bytes, 68 to 68 are allowed"),
        (_changed(_begin(), x=float("inf")), "x is inf, -65536 to 65536 is allowed"),
        (_changed(_begin(), z=0), "z is 0, 1 to 65536 is allowed"),
        (_changed(_begin(), n=65_537), "n is 65537, 1 to 65536 is allowed"),
        (_changed(_begin(), s=True), "s is bool, an integer is allowed"),
        (_changed(_begin(), s=None), "s is missing"),
        (_changed(_begin(), f="bmp"), "f is unknown, one of webp, avif, jpeg is allowed"),
        (_changed(_HELLO, r=float("nan")), "r is nan, 1 to 120 is allowed"),
        (_changed(_HELLO, d="text"), "d is str, binary is allowed"),
        (_changed(_PLAIN[1], b=b""), "b of 0 bytes, 1 to 16384 are allowed"),
        (_changed(_PLAIN[6], u=1), "u is int, true or false is allowed"),
        (msgpack.packb({"x": 1}), "t is missing"),
        (msgpack.packb({"t": "x" * 257}), "t of 257 characters, at most 256 are allowed"),
        (msgpack.packb([1]), "a msgpack message that is no map with text keys"),
        (msgpack.packb({b"t": 1}), "a msgpack message that is no map with text keys"),
        (b"", "bytes that are no msgpack message (ValueError)"),
        (bytes(2**20), "message of 1048576 bytes, at most 65536 are allowed"),
    ],
)
def test_refusals(data: bytes, text: str) -> None:
    with pytest.raises(BitstreamError) as error:
        parse_control(data)
    assert str(error.value) == text


def test_another_version_is_refused_naming_both() -> None:
    with pytest.raises(VersionError, match=r"^protocol version 9, this side speaks 2$"):
        parse_control(_changed(_HELLO, v=9))


@pytest.mark.parametrize(("versions", "named"), [([1], "1"), ([3, 4], "3, 4"), ([], "none")])
def test_without_a_common_version_of_messages_both_are_named(
    versions: list[int], named: str
) -> None:
    text = rf"^parameter messages of version {named}, this side reads 2$"
    with pytest.raises(VersionError, match=text):
        parse_control(_changed(_HELLO, p=versions))


def test_one_common_version_of_messages_is_enough() -> None:
    parsed = parse_control(_changed(_HELLO, p=[1, 2, 3]))
    assert isinstance(parsed, Hello)
    assert parsed.bitstream_versions == (1, 2, 3)


@pytest.mark.parametrize("versions", [2, "2", [2, "x"], [2, -1], list(range(9)), None])
def test_versions_that_are_no_short_list_of_numbers_are_refused(versions: object) -> None:
    with pytest.raises(BitstreamError, match=r"^p "):
        parse_control(_changed(_HELLO, p=versions))


def test_unknown_keys_are_ignored_and_unknown_types_and_reasons_told() -> None:
    assert parse_control(_changed(_HELLO, future=[1, {"a": [2]}])) == _HELLO
    assert parse_control(msgpack.packb({"t": "wave"})) == UnknownMessage("wave")
    assert parse_control(msgpack.packb({"t": "bye", "r": "bored"})) == Bye(ByeReason.OTHER)


def test_what_claims_to_be_huge_or_deep_is_refused() -> None:
    for data in (
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\x91" * 60_000 + b"\xc0",
        b"\x81\xa1t" + b"\x81\xa1t" * 20_000 + b"\xc0",
        msgpack.packb({str(i): 0 for i in range(65)}),
        b"\x81\xa1t\xd6\xff\x00\x00\x00\x00",
    ):
        assert len(data) <= CONTROL_MESSAGE_MAX_BYTES
        with pytest.raises(BitstreamError):
            parse_control(data)


@pytest.mark.parametrize("message", _ALL)
def test_every_truncation_is_refused(message: KnownMessage) -> None:
    data = pack_control(message)
    for length in range(len(data)):
        with pytest.raises(BitstreamError):
            parse_control(data[:length])


_VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**64 - 1),
        st.floats(),
        st.binary(max_size=90),
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(), inner)),
    max_leaves=6,
)
_KEYS = "vmdrsixyzwhpcfnidobtu"


@settings(deadline=None, max_examples=200)
@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_refused(data: bytes) -> None:
    with contextlib.suppress(BitstreamError):
        parse_control(data)


@settings(deadline=None, max_examples=300)
@given(st.sampled_from(_ALL), st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=3))
def test_any_field_parses_or_is_refused(message: KnownMessage, fields: dict[str, object]) -> None:
    try:
        parsed = parse_control(msgpack.packb({**msgpack.unpackb(pack_control(message)), **fields}))
    except BitstreamError:
        return
    if isinstance(parsed, ReferenceBegin):
        assert np.isfinite(parsed.parameters.vector).all()
        assert parsed.crop.size >= 1.0


def test_a_greeting_that_says_nothing_of_in_band_parameters_reads_none() -> None:
    fields = msgpack.unpackb(pack_control(replace(_HELLO, in_band_version=3)))
    assert fields.pop("b") == 3
    silent = parse_control(msgpack.packb(fields))
    assert isinstance(silent, Hello)
    assert silent.in_band_version == 0
