"""Padding changes no sample: read, written and skipped as RFC 6716 says."""

import contextlib

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from shared.errors import BitstreamError
from shared.in_band import embed, extract
from shared.opus_padding import add_padding, is_padded, split_padding
from tests.opus_voice import RATE, encoded

SILK = 9 << 3  # wide band, 20 ms
CELT = 31 << 3

SHORTEST = [
    bytes([SILK]),
    bytes([SILK]) + b"abc",
    bytes([SILK | 1]) + b"abcdef",
    bytes([SILK | 2, 2]) + b"abcdef",
    bytes([SILK | 2, 252, 1]) + b"a" * 256 + b"b",
    bytes([CELT | 3, 3]) + b"aabbcc",
    bytes([CELT | 3, 0x80 | 3, 1, 0]) + b"abb",
]
PADDED_HEADERS = [
    bytes([SILK | 3, 0x41]),
    bytes([SILK | 3, 0x41]),
    bytes([SILK | 3, 0x42]),
    bytes([SILK | 3, 0xC2]),
    bytes([SILK | 3, 0xC2]),
    bytes([CELT | 3, 0x43]),
    bytes([CELT | 3, 0xC3]),
]


@pytest.mark.parametrize(
    ("payload", "header"), list(zip(SHORTEST, PADDED_HEADERS, strict=True)), ids=range(7)
)
def test_each_code_is_padded_as_code_3_and_comes_back(payload: bytes, header: bytes) -> None:
    padded = add_padding(payload, b"\x01\x02\x03")
    assert not is_padded(payload)
    assert is_padded(padded)
    skip = 2 if payload[0] & 3 == 3 else 1
    assert padded == header + b"\x03" + payload[skip:] + b"\x01\x02\x03"
    split = split_padding(padded)
    assert (split.payload, split.padding) == (payload, b"\x01\x02\x03")
    assert split_padding(payload).padding is None


@pytest.mark.parametrize(
    ("size", "length"),
    [
        (0, b"\x00"),
        (1, b"\x01"),
        (254, b"\xfe"),
        (255, b"\xff\x01"),
        (508, b"\xff\xfe"),
        (509, b"\xff\xff\x01"),
    ],
)
def test_lengths_of_padding_are_those_of_section_3_2_5(size: int, length: bytes) -> None:
    padding = bytes(i % 251 for i in range(size))
    padded = add_padding(SHORTEST[1], padding)
    assert padded == bytes([SILK | 3, 0x41]) + length + b"abc" + padding
    assert split_padding(padded).padding == padding


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        (b"", "Opus packet of 0 bytes, at least 1 is needed"),
        (bytes([SILK | 1]) + b"abc", "2 Opus frames of one size in 3 bytes"),
        (bytes([SILK]) + bytes(1276), "Opus frame of 1276 bytes, at most 1275 are allowed"),
        (bytes([SILK | 2]), "Opus packet that ends in a frame's length"),
        (bytes([SILK | 2, 252]), "Opus packet that ends in a frame's length"),
        (bytes([SILK | 2, 9]) + b"abc", "Opus frames 6 bytes longer than their packet"),
        (bytes([SILK | 3]), "Opus packet of code 3 without frames"),
        (bytes([SILK | 3, 0x40, 0]), "Opus packet of code 3 without frames"),
        (bytes([SILK | 3, 2]) + b"abc", "2 Opus frames of one size in 3 bytes"),
        (bytes([SILK | 3, 0x41]), "Opus packet with 0 bytes of padding in 0"),
        (bytes([SILK | 3, 0x41, 4]) + b"abc", "Opus packet with 4 bytes of padding in 4"),
        (bytes([SILK | 3, 0x41, 255, 255]), "Opus packet with 508 bytes of padding in 2"),
        (bytes([SILK | 3, 0xC2, 2, 9]) + b"abcdef", "Opus frames 5 bytes longer than their packet"),
    ],
)
def test_packets_that_lie_are_refused_by_name(payload: bytes, problem: str) -> None:
    with pytest.raises(BitstreamError) as caught:
        split_padding(payload)
    assert str(caught.value) == problem
    with pytest.raises(BitstreamError):
        add_padding(payload, b"x")


def test_padding_is_not_put_upon_padding() -> None:
    with pytest.raises(BitstreamError, match="with padding, one without is expected"):
        add_padding(add_padding(SHORTEST[0], b"x"), b"y")


@given(payload=st.binary(max_size=80), toc=st.integers(0, 255), count=st.integers(0, 255))
@settings(deadline=None, max_examples=300)
def test_any_bytes_split_or_are_refused(payload: bytes, toc: int, count: int) -> None:
    for packet in (payload, bytes([toc]) + payload, bytes([toc | 3, count | 0x40]) + payload):
        with contextlib.suppress(BitstreamError):
            split = split_padding(packet)
            if split.padding is None:
                assert split.payload == packet
            else:
                assert len(split.payload) + len(split.padding) < len(packet)
                again = split_padding(add_padding(split.payload, split.padding))
                assert again == split


@pytest.mark.parametrize("payload", SHORTEST[1:], ids=range(6))
def test_a_padded_packet_cut_anywhere_is_refused_or_whole(payload: bytes) -> None:
    padded = add_padding(payload, bytes(range(40)))
    for end in range(len(padded)):
        with contextlib.suppress(BitstreamError):
            assert len(split_padding(padded[:end]).payload) < len(padded)


def decoded(packets: list[bytes], layout: str) -> NDArray[np.float32]:
    """All samples of the reference decoder, which knows nothing of us.

    FFmpeg's own decoder (`opus`) is no measure: it reads beyond the end of frames of SILK, into
    the next frame of a packet or into padding that is not zero.
    """
    decoder = av.AudioCodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = RATE, layout
    samples = [
        frame.to_ndarray().reshape(-1)
        for payload in packets
        for frame in decoder.decode(av.Packet(payload))
    ]
    return np.concatenate(samples)


def same_samples(packets: list[bytes], changed: list[bytes], layout: str) -> None:
    assert packets != changed
    plain = decoded(packets, layout)
    assert np.abs(plain).max() > 0
    np.testing.assert_array_equal(plain, decoded(changed, layout))


@pytest.mark.parametrize("layout", ["mono", "stereo"])
@pytest.mark.parametrize("application", ["voip", "audio", "lowdelay"])
@pytest.mark.parametrize("duration_ms", ["2.5", "5", "10", "20", "40", "60", "80", "100", "120"])
def test_unaware_decoders_play_the_same_samples(
    duration_ms: str, application: str, layout: str
) -> None:
    rng = np.random.default_rng(3)
    for bitrate_bps, vbr, dtx in (
        (6_000, "constrained", False),
        (16_000, "constrained", True),
        (24_000, "on", False),
        (64_000, "on", False),
    ):
        packets = encoded(
            duration_ms,
            application=application,
            bitrate_bps=bitrate_bps,
            vbr=vbr,
            layout=layout,
            dtx=dtx,
        )
        carrying = []
        for payload in packets:
            messages = [rng.bytes(int(rng.integers(1, 29))) for _ in range(rng.integers(1, 3))]
            carrying.append(embed(payload, messages))
            taken = extract(carrying[-1])
            assert taken.messages == tuple(messages)
            assert taken.payload == payload  # byte for byte what the encoder made
        same_samples(packets, carrying, layout)


@given(
    duration_ms=st.sampled_from(["10", "20", "40", "60"]),
    bitrate_bps=st.integers(6_000, 40_000),
    padding=st.binary(max_size=600),
)
@settings(deadline=None, max_examples=20)
def test_any_padding_is_skipped(duration_ms: str, bitrate_bps: int, padding: bytes) -> None:
    packets = encoded(duration_ms, bitrate_bps=bitrate_bps)
    same_samples(packets, [add_padding(payload, padding) for payload in packets], "mono")


def test_a_constant_rate_is_kept_by_foreign_padding_that_stays() -> None:
    packets = encoded("60", bitrate_bps=40_000, vbr="off")
    padded = [payload for payload in packets if is_padded(payload)]
    assert padded
    for payload in padded:
        assert extract(payload).payload == payload
        assert extract(payload).messages == ()
        assert set(split_padding(payload).padding or b"\1") == {0}
    same_samples(packets, [split_padding(payload).payload for payload in packets], "mono")
