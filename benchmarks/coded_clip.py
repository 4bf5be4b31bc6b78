"""A clip at the rates of pictures, sizes and quantizers of one codec.

Packets are cut at 1200 B and each counts 40 B of RTP, UDP and IPv4. Left out, in favour of the
codecs: payload headers, SRTP tags, RTCP, repairs of losses, and the first picture, as our own
references are counted apart too. The rate is a mean over the whole clip: no picture is held to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, cached_property
from math import inf, log2

import cv2
import numpy as np

from benchmarks.classic_codec import CODECS, Codec, decode, encode
from benchmarks.picture_metrics import peak_signal_to_noise
from benchmarks.structural_similarity import structural_similarity
from shared.parameters import Image

MAX_PACKET_BYTES = 1200
PACKET_HEADER_BYTES = 20 + 8 + 12
"""IPv4, UDP, RTP."""

FRAME_DIVISORS = (1, 2, 3)
"""25, 12.5 and 8.3 pictures a second: fewer is no video."""

SCALES = (Fraction(1), Fraction(1, 2))
"""Of each side; enlarged again for the comparison."""

_EVERY = 5
"""Pictures of the clip between two that are compared; prime to the divisors."""

_STEPS_A_DOUBLING = 4
"""Of the quantizers, about; a wrong guess costs encodings and nothing else."""


@dataclass(frozen=True, slots=True)
class CodecPoint:
    """A codec at its best under one wire rate."""

    wire_bps: float
    """What it took."""

    psnr_db: float
    """Over all pictures of the clip at its own rate, each against the one then shown; RGB."""

    ssim: float
    """Of the luma."""

    fps: float
    scale: float
    quantizer: int
    first_picture_bytes: int

    @property
    def first_picture_wire_bytes(self) -> int:
        """With the headers of its packets."""
        packets = -(-self.first_picture_bytes // MAX_PACKET_BYTES)
        return self.first_picture_bytes + PACKET_HEADER_BYTES * packets


@dataclass(frozen=True, slots=True)
class CodecSetting:
    """What a codec may choose for a clip."""

    divisor: int
    """Each so many-th picture is coded, of FRAME_DIVISORS."""

    scale: Fraction
    """Of each side, of SCALES."""

    quantizer: int


def wire_bytes(packets: Sequence[bytes]) -> int:
    """Of encoded pictures, in packets of at most MAX_PACKET_BYTES of payload."""
    return sum(
        len(packet) + PACKET_HEADER_BYTES * -(-len(packet) // MAX_PACKET_BYTES)
        for packet in packets
    )


class CodedClip:
    """A clip through one codec; what several rates ask for is encoded once."""

    def __init__(self, codec: Codec, pictures: Sequence[Image], rate: Fraction) -> None:
        """`rate`: pictures a second."""
        self._quantizers = CODECS[codec].quantizers
        self._streams = {
            (divisor, scale): _Streams(codec, pictures, rate, divisor, scale)
            for divisor in FRAME_DIVISORS
            for scale in SCALES
        }

    def best(self, wire_rate_bps: float) -> CodecSetting | None:
        """Nearest to the clip by PSNR within a wire rate; None: out of reach.

        Raises ArtifactError where the codec fails, as all below.
        """
        best: CodecSetting | None = None
        best_db = -inf
        streams = sorted(self._streams.items(), key=lambda one: -one[1].ceiling_db)
        for (divisor, scale), stream in streams:
            if stream.ceiling_db <= best_db:
                break  # nor can those that follow
            quantizer = stream.finest(wire_rate_bps)
            if quantizer is not None and stream.psnr_db(quantizer) > best_db:
                best, best_db = CodecSetting(divisor, scale, quantizer), stream.psnr_db(quantizer)
        return best

    def floor(self) -> CodecSetting:
        """Of the least wire rate."""
        coarsest = [
            CodecSetting(divisor, scale, self._quantizers[-1]) for divisor, scale in self._streams
        ]
        return min(coarsest, key=self.wire_bps)

    def wire_bps(self, setting: CodecSetting) -> float:
        """Without the first picture."""
        return self._of(setting).wire_bps(setting.quantizer)

    def point(self, setting: CodecSetting) -> CodecPoint:
        return self._of(setting).point(setting.quantizer)

    def shown(self, setting: CodecSetting) -> list[Image]:
        """What is seen at each of the clip's instants, in its size."""
        return self._of(setting).shown(setting.quantizer)

    def _of(self, setting: CodecSetting) -> "_Streams":
        return self._streams[setting.divisor, setting.scale]


class _Streams:
    """A clip at one rate of pictures and one size."""

    def __init__(
        self,
        codec: Codec,
        pictures: Sequence[Image],
        rate: Fraction,
        divisor: int,
        scale: Fraction,
    ) -> None:
        self._codec = codec
        self._truth = pictures
        self._rate = rate / divisor
        self._divisor = divisor
        self._scale = scale
        self._pictures = [_scaled(picture, scale) for picture in pictures[::divisor]]
        # Of this object, so that a clip's results go with it.
        self._packets = cache(self._encode)
        self.psnr_db = cache(self._psnr_db)
        self.point = cache(self._point)

    @cached_property
    def ceiling_db(self) -> float:
        """PSNR of the pictures before they are coded: held and made smaller, nothing else."""
        return self._nearness(self._pictures)

    def finest(self, wire_rate_bps: float) -> int | None:
        """The finest quantizer within a wire rate; None when the coarsest takes more."""
        quantizers = CODECS[self._codec].quantizers
        too_fine, fits = -1, len(quantizers) - 1
        if self.wire_bps(quantizers[fits]) > wire_rate_bps:
            return None
        while fits - too_fine > 1:
            spare = log2(wire_rate_bps / self.wire_bps(quantizers[fits]))
            guess = fits - max(round(_STEPS_A_DOUBLING * spare), 1)
            guess = max(guess, too_fine + 1)
            if self.wire_bps(quantizers[guess]) > wire_rate_bps:
                too_fine = guess
            else:
                fits = guess
        return quantizers[fits]

    def wire_bps(self, quantizer: int) -> float:
        packets = self._packets(quantizer)[1:]
        return 8 * wire_bytes(packets) * float(self._rate) / len(packets)

    def _encode(self, quantizer: int) -> list[bytes]:
        return encode(self._codec, self._pictures, self._rate, quantizer)

    def shown(self, quantizer: int) -> list[Image]:
        decoded = decode(self._codec, self._packets(quantizer))
        enlarged = [_scaled(picture, 1 / self._scale) for picture in decoded]
        return [enlarged[index // self._divisor] for index in range(len(self._truth))]

    def _pairs(self, pictures: Sequence[Image]) -> list[tuple[Image, Image]]:
        """What is shown of them, and what the clip holds at that time."""
        return [
            (_scaled(pictures[index // self._divisor], 1 / self._scale), self._truth[index])
            for index in range(0, len(self._truth), _EVERY)
        ]

    def _nearness(self, pictures: Sequence[Image]) -> float:
        return float(np.mean([peak_signal_to_noise(*pair) for pair in self._pairs(pictures)]))

    def _psnr_db(self, quantizer: int) -> float:
        return self._nearness(decode(self._codec, self._packets(quantizer)))

    def _point(self, quantizer: int) -> CodecPoint:
        packets = self._packets(quantizer)
        pairs = self._pairs(decode(self._codec, packets))
        similarities = [structural_similarity(*pair).ssim for pair in pairs]
        return CodecPoint(
            wire_bps=self.wire_bps(quantizer),
            psnr_db=self.psnr_db(quantizer),
            ssim=float(np.mean(similarities)),
            fps=float(self._rate),
            scale=float(self._scale),
            quantizer=quantizer,
            first_picture_bytes=len(packets[0]),
        )


def _scaled(picture: Image, scale: Fraction) -> Image:
    if scale == 1:
        return picture
    height, width = (round(side * scale) for side in picture.shape[:2])
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), np.uint8)
