"""What a browser's sound and face say of their capture times, against an event that is in both."""

import asyncio
import base64
import io
from statistics import median

import av
import numpy as np
import pytest
from PIL import Image as PillowImage

from receiver.tokens import Grant
from sender.portrait import MovedPortrait
from shared.clock import TICKS_PER_SECOND, ticks_difference
from shared.codec import FaceDecoder
from shared.errors import BitstreamError
from shared.parameters import FaceParameters, Image
from shared.webrtc.audio import OpusPacket
from tests.integration.browser import chromium_path, launched_page
from tests.integration.receiver_process import RecordingStream, running_receiver

EVENTS = 14
PERIOD_MS = 1100
EARLY_MS, LATE_MS = 45, 125
"""How far sound may be before and behind the picture (ITU-R BT.1359)."""

_AUTOPLAY = "--autoplay-policy=no-user-gesture-required"

_STAGE = """
([rest, moved, period]) => {
  const images = [rest, moved].map((text) => {
    const image = new Image();
    image.src = `data:image/png;base64,${text}`;
    return image;
  });
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 256;
  const context = canvas.getContext("2d");
  const sound = new AudioContext();
  const gate = new GainNode(sound, { gain: 0 });
  const oscillator = new OscillatorNode(sound, { frequency: 500 });
  oscillator.connect(gate);
  oscillator.start();
  const destination = new MediaStreamAudioDestinationNode(sound);
  gate.connect(destination);
  navigator.mediaDevices.getUserMedia = async (wanted) => {
    await sound.resume();
    return "video" in wanted ? canvas.captureStream(30) : destination.stream;
  };
  let since = performance.now();
  const draw = () => {
    const isMoved = Math.floor((performance.now() - since) / period) % 2 === 1;
    context.drawImage(images[isMoved ? 1 : 0], 0, 0);
    // What is drawn now is captured within a frame; sound takes as long to its first sample.
    gate.gain.value = isMoved ? 0.5 : 0;
    setTimeout(draw, 15);
  };
  draw();
}
"""


@pytest.fixture(autouse=True)
def _browser() -> None:
    chromium_path()


@pytest.mark.slow
async def test_sound_and_face_of_one_event_have_one_capture_time() -> None:
    rest, moved = _two_faces()
    async with running_receiver() as receiver, launched_page(_AUTOPLAY) as page:
        grant = Grant(room="room", party="ann", publish=True, play=True)
        token = receiver.authority.issue(grant, minutes=5)
        await page.add_init_script(
            f"({_STAGE})({[_png(rest), _png(moved), PERIOD_MS]!r})".replace("'", '"')
        )
        await page.goto(f"{receiver.url}/#token={token}")
        await page.wait_for_selector("#retake:enabled", timeout=40_000)
        await page.click("#join")
        async with asyncio.timeout(30):
            while not (receiver.streams and receiver.streams[0].audio):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        await asyncio.sleep((EVENTS + 2) * PERIOD_MS / 1000)
        stream = receiver.streams[0]
        heard, seen = _loud_since(stream.audio), _moved_since(stream)
    offsets = []
    for event in heard:
        nearest = min(seen, key=lambda other: abs(ticks_difference(other, event)))
        offsets.append(ticks_difference(event, nearest) * 1000 / TICKS_PER_SECOND)
    offsets = [offset for offset in offsets if abs(offset) < PERIOD_MS / 2]
    print(f"sound behind the face: {[round(offset) for offset in offsets]} ms")
    assert len(offsets) >= 3
    assert -EARLY_MS <= median(offsets) <= LATE_MS


def _two_faces() -> tuple[Image, Image]:
    """Of the portrait: two poses far apart."""
    portrait = MovedPortrait()
    frames = [portrait.parameters(index) for index in range(portrait.frame_count)]
    apart = [float(np.abs(one.vector - frames[0].vector).sum()) for one in frames]
    return portrait.render(0), portrait.render(int(np.argmax(apart)))


def _png(image: Image) -> str:
    file = io.BytesIO()
    PillowImage.fromarray(image).save(file, "PNG")
    return base64.b64encode(file.getvalue()).decode()


def _loud_since(packets: list[OpusPacket]) -> list[int]:
    """Capture times at which the tone began."""
    decoder = av.CodecContext.create("libopus", "r")
    begun, is_loud = [], True
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet.payload)):
            samples = np.abs(np.asarray(frame.to_ndarray(), np.float64)).max(0)
            samples /= 32768 if frame.format.name.startswith("s16") else 1
            if samples.max() > 0.1 and not is_loud:
                first = int(np.argmax(samples > 0.05)) * TICKS_PER_SECOND // 48_000
                begun.append(packet.capture_time + first)
            is_loud = samples.max() > 0.05
    return begun


def _moved_since(stream: RecordingStream) -> list[int]:
    """Capture times halfway between the last frame of a pose and the first of the other."""
    decoder = FaceDecoder()
    frames: list[FaceParameters] = []
    for message in stream.parameters:
        try:
            frames += decoder.decode(message).frames
        except BitstreamError:
            continue
    vectors = np.stack([frame.vector for frame in frames])
    jumps = np.abs(np.diff(vectors, axis=0)).sum(1)
    first = [index + 1 for index in range(len(jumps)) if jumps[index] > 0.4 * jumps.max()]
    return [(frames[index].capture_time + frames[index - 1].capture_time) // 2 for index in first]
