"""Files as cameras: right pictures at the right times, looped, capped, refused when broken."""

import itertools
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from sender.audio_capture import FileSound
from sender.cameras import CameraSource
from sender.capture import CapturedFrame, CaptureThread, FrameSlot, RateCap
from sender.devices import DeviceKind, list_devices
from sender.media_file import MediaFile, MediaTimeline
from sender.opus_packetizer import OpusPacketizer, SoundPiece
from sender.video_file import VideoFileSource
from shared.clock import SystemClock, ticks_difference
from shared.errors import ArtifactError, CaptureError, ConfigError
from shared.metrics import Metrics
from tests.fakes import FakeClock


class SkippingClock(SystemClock):
    """A machine's clock that can be moved on, so that nothing is waited for."""

    def __init__(self) -> None:
        super().__init__()
        self._fake = FakeClock()

    def now_ns(self) -> int:
        return self._fake.now_ns()

    def ticks_at(self, monotonic_ns: int) -> int:
        return self._fake.ticks_at(monotonic_ns)

    def skip_to(self, time_ns: int) -> None:
        self._fake.advance_ms(max(time_ns - self._fake.now_ns(), 0) / 1e6)


@pytest.fixture
def skipping(monkeypatch: pytest.MonkeyPatch) -> SkippingClock:
    """Waiting moves the clock instead of taking time."""
    clock = SkippingClock()

    def wait_until(pacer: object, time_ns: int) -> bool:
        clock.skip_to(time_ns)
        return not pacer.stopped  # type: ignore[attr-defined]

    monkeypatch.setattr("sender.capture.Pacer.wait_until", wait_until)
    return clock


def write_video(
    path: Path,
    *,
    fps: int = 30,
    frames: int = 30,
    size: tuple[int, int] = (64, 48),
    sound: bool = False,
    rotation: int = 0,
) -> Path:
    """Frame i has brightness 8 + 7 i modulo 220, its top-left quarter is white."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps, options={"crf": "10"})
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        if rotation:
            video.set_display_rotation(rotation)
        audio = container.add_stream("aac", rate=44_100, layout="stereo") if sound else None
        for index in range(frames):
            picture = np.full((size[1], size[0], 3), 8 + 7 * index % 220, np.uint8)
            picture[: size[1] // 2, : size[0] // 2] = 255
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = index, Fraction(1, fps)
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if audio is not None:
            samples = np.zeros((2, 44_100 * frames // fps), np.float32)
            # A tone burst from 0.5 s to 0.6 s.
            tone = np.sin(np.arange(4410) * 2 * np.pi * 1000 / 44_100) * 0.8
            samples[:, 22_050:26_460] = tone
            for start in range(0, samples.shape[1] - 1023, 1024):
                block = np.ascontiguousarray(samples[:, start : start + 1024])
                piece = av.AudioFrame.from_ndarray(block, format="fltp", layout="stereo")
                piece.sample_rate, piece.pts = 44_100, start
                piece.time_base = Fraction(1, 44_100)
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return path


def take(source: VideoFileSource, count: int) -> list[CapturedFrame]:
    frames: list[CapturedFrame] = []
    for frame in source.frames():
        frames.append(frame)
        if len(frames) == count:
            source.close()
            break
    return frames


def source_of(path: Path, clock: SystemClock, *, fps: float = 25.0) -> VideoFileSource:
    media = MediaFile.probe(path)
    timeline = MediaTimeline(media, clock)
    return VideoFileSource(media, timeline, clock=clock, metrics=Metrics(), fps=fps)


def test_rate_cap_goes_by_time() -> None:
    cap = RateCap(25.0)
    kept = [i for i in range(300) if cap.keep(i * 33_333_333)]
    assert len(kept) == 250
    cap = RateCap(25.0)
    assert all(cap.keep(i * 66_666_667) for i in range(50))  # 15 fps loses none
    cap = RateCap(25.0)
    jitter = np.random.default_rng(1).uniform(-4e6, 4e6, 200)
    assert sum(cap.keep(int(i * 40e6 + jitter[i])) for i in range(200)) >= 195


def test_a_gap_is_not_made_up_for() -> None:
    cap = RateCap(10.0)
    assert cap.keep(0)
    assert cap.keep(5_000_000_000)
    assert not cap.keep(5_020_000_000)


def test_a_file_is_shown_in_real_time_and_looped(tmp_path: Path, skipping: SkippingClock) -> None:
    source = source_of(write_video(tmp_path / "v.mp4"), skipping)
    start_ns = skipping.now_ns()
    frames = take(source, 60)
    times = np.array([frame.time_ns - start_ns for frame in frames]) / 1e6
    assert np.all(np.diff(times) > 30)
    assert abs(times[25] - 1000) < 40  # 25 frames a second, the second turn follows the first
    brightness = [int(frame.image[-1, -1, 0]) for frame in frames]
    assert abs(brightness[0] - 8) <= 3
    assert abs(brightness[25] - 8) <= 10
    ticks = ticks_difference(frames[25].capture_time, frames[0].capture_time)
    assert abs(ticks / 90 - (times[25] - times[0])) < 0.1


def test_the_files_own_rate_when_told(tmp_path: Path, skipping: SkippingClock) -> None:
    source = source_of(write_video(tmp_path / "v.mp4"), skipping, fps=60.0)
    frames = take(source, 30)
    assert np.allclose(np.diff([frame.time_ns for frame in frames]) / 1e6, 33.3, atol=1)


@pytest.mark.parametrize(("rotation", "corner"), [(90, "bottom"), (270, "top"), (180, "bottom")])
def test_rotation_metadata_is_followed(
    tmp_path: Path, skipping: SkippingClock, rotation: int, corner: str
) -> None:
    path = write_video(tmp_path / "v.mp4", rotation=rotation)
    image = take(source_of(path, skipping), 1)[0].image
    assert image.shape == ((48, 64, 3) if rotation == 180 else (64, 48, 3))
    rows = slice(0, 8) if corner == "top" else slice(-8, None)
    left, right = image[rows, :8].mean(), image[rows, -8:].mean()
    # Turned counter-clockwise by 90 degrees the top-left corner becomes the bottom-left one.
    bright_left = rotation == 90
    assert (left > 240) == bright_left
    assert (right > 240) == (not bright_left)


def test_late_frames_are_left_out(tmp_path: Path, skipping: SkippingClock) -> None:
    source = source_of(write_video(tmp_path / "v.mp4"), skipping)
    shown = iter(source.frames())
    next(shown)
    skipping.skip_to(skipping.now_ns() + 600_000_000)
    frame = next(shown)
    while skipping.now_ns() - frame.time_ns > 120_000_000:
        frame = next(shown)
    assert skipping.now_ns() - frame.time_ns < 160_000_000
    source.close()


def broken_files(folder: Path) -> dict[str, tuple[Path, str]]:
    whole = write_video(folder / "whole.mkv", frames=300, size=(320, 240))
    cut = folder / "cut.mp4"
    with (
        av.open(str(folder / "fast.mp4"), "w", options={"movflags": "faststart"}) as output,
        av.open(str(whole)) as source,
    ):
        copied = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = copied
                output.mux(packet)
    content = (folder / "fast.mp4").read_bytes()
    cut.write_bytes(content[: len(content) // 2])
    text = folder / "text.mp4"
    text.write_text("this is no video\n" * 100)
    noise = folder / "noise.mp4"
    noise.write_bytes(np.random.default_rng(1).bytes(50_000))
    empty = folder / "empty.mp4"
    empty.write_bytes(b"")
    sound = folder / "sound.wav"
    with av.open(str(sound), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return {
        "cut": (cut, "is cut off"),
        "text": (text, "no video"),
        "noise": (noise, "is no video that can be read"),
        "empty": (empty, "is no video that can be read"),
        "sound": (sound, "has no video stream, expected a video of a face"),
        "missing": (folder / "missing.mp4", "no such file or directory, expected a video file"),
        "folder": (folder, "is a directory, expected a video file"),
    }


def test_broken_files_are_refused_in_one_line(tmp_path: Path) -> None:
    for name, (path, expected) in broken_files(tmp_path).items():
        with pytest.raises(ArtifactError) as caught:
            MediaFile.probe(path)
        message = str(caught.value)
        assert expected in message, name
        assert str(path) in message
        assert "\n" not in message


def test_no_camera_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sender.devices.list_devices", lambda kind: ())
    with pytest.raises(ConfigError, match="no camera found on this machine; use --video FILE"):
        CameraSource(None, clock=SystemClock(), metrics=Metrics())


def test_devices_can_be_listed_anywhere() -> None:
    for kind in DeviceKind:
        assert all(device.kind is kind for device in list_devices(kind))


def test_the_slot_keeps_the_newest_and_counts_the_others() -> None:
    metrics = Metrics()
    slot = FrameSlot(metrics)
    assert slot.take(0) is None
    for index in range(3):
        slot.put(CapturedFrame(np.zeros((1, 1, 3), np.uint8), index, index))
    newest = slot.take(0)
    assert newest is not None
    assert newest.time_ns == 2
    assert slot.take(0) is None
    assert metrics.snapshot().counters["frames_dropped", "capture"] == 2


class UnpluggedOnce:
    """A camera that fails after a frame and works again the second time."""

    def __init__(self) -> None:
        self.turns = 0
        self.closed = threading.Event()

    def frames(self) -> Iterator[CapturedFrame]:
        self.turns += 1
        yield CapturedFrame(np.zeros((2, 2, 3), np.uint8), self.turns, self.turns)
        if self.turns == 1:
            raise CaptureError("camera x: No such device")
        self.closed.wait(5)

    def close(self) -> None:
        self.closed.set()


def test_an_unplugged_camera_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sender.backoff.FIRST_SECONDS", 0.01)
    told: list[bool] = []
    back = threading.Event()

    def on_available(available: bool) -> None:
        told.append(available)
        if available:
            back.set()

    metrics = Metrics()
    capture = CaptureThread(
        UnpluggedOnce(), FrameSlot(metrics), metrics=metrics, on_available=on_available
    )
    capture.start()
    assert back.wait(5)
    capture.stop()
    assert told == [False, True]
    assert metrics.snapshot().counters["capture_errors", ""] == 1


def test_a_damaged_packet_costs_its_pictures_alone(tmp_path: Path, skipping: SkippingClock) -> None:
    path = write_video(tmp_path / "v.mp4")
    with av.open(str(path)) as container:
        packet = [packet for packet in container.demux(video=0) if packet.size][20]
        place, size = packet.pos, packet.size
    assert place is not None
    content = bytearray(path.read_bytes())
    content[place : place + size] = b"\xff" * size
    path.write_bytes(content)
    media, metrics = MediaFile.probe(path), Metrics()
    timeline = MediaTimeline(media, skipping)
    source = VideoFileSource(media, timeline, clock=skipping, metrics=metrics)
    start_ns = skipping.now_ns()
    frames = take(source, 40)
    assert frames[-1].time_ns - start_ns > media.length_ns
    assert metrics.snapshot().counters["frames_dropped", "damaged"] >= 1


def test_a_file_tried_again_goes_on_where_its_loop_is(
    tmp_path: Path, skipping: SkippingClock
) -> None:
    path = write_video(tmp_path / "v.mp4")  # 1 s
    source = source_of(path, skipping)
    start_ns = skipping.now_ns()
    first = next(source.frames())
    assert first.time_ns == start_ns
    skipping.skip_to(start_ns + 100_500_000_000)
    assert next(source.frames()).time_ns - start_ns >= 100e9


def loud_times(pieces: list[SoundPiece], origin_ns: int) -> list[float]:
    """Seconds at which loudness begins."""
    begins, loud = [], False
    for piece in pieces:
        for start in range(0, len(piece.samples), 48):
            level = np.abs(piece.samples[start : start + 48].astype(int)).max()
            if (level > 4000) != loud:
                loud = not loud
                if loud:
                    begins.append((piece.time_ns - origin_ns) / 1e9 + start / 48_000)
    return begins


def test_sound_and_pictures_of_a_file_stay_together_over_loops(
    tmp_path: Path, skipping: SkippingClock
) -> None:
    path = write_video(tmp_path / "v.mp4", frames=35, sound=True)  # 1.1667 s
    media = MediaFile.probe(path)
    assert media.has_audio
    timeline = MediaTimeline(media, skipping)
    origin_ns = skipping.now_ns()
    sound = FileSound(media, timeline, skipping)
    pieces: list[SoundPiece] = []
    for piece in sound.pieces():
        pieces.append(piece)
        if piece.time_ns - origin_ns > 4_000_000_000:
            sound.close()
            break
    begins = loud_times(pieces, origin_ns)
    length = media.length_ns / 1e9
    assert abs(length - 35 / 30) < 0.05
    assert len(begins) >= 3
    for turn, begin in enumerate(begins[:3]):
        assert abs(begin - (0.5 + turn * length)) < 0.03


def test_opus_packets_carry_the_time_of_their_sound() -> None:
    clock = SkippingClock()
    packetizer = OpusPacketizer(bitrate_bps=16_000, packet_ms=20, clock=clock)
    origin_ns = clock.now_ns()
    samples = np.zeros(48_000, np.int16)
    samples[24_000:28_800] = 20_000 * np.sin(np.arange(4800) * 2 * np.pi * 700 / 48_000)
    packets = []
    for start in range(0, 48_000, 1000):
        time_ns = origin_ns + start * 1_000_000_000 // 48_000
        packets += packetizer.feed(SoundPiece(time_ns, samples[start : start + 1000]))
    assert 48 <= len(packets) <= 50
    assert all(packet.duration == 960 for packet in packets)
    steps = {
        ticks_difference(b.capture_time, a.capture_time) for a, b in itertools.pairwise(packets)
    }
    assert max(abs(step - 1800) for step in steps) <= 1
    # Decoded (its first 6.5 ms are the encoder's look-ahead), the burst is where it was.
    decoder = av.CodecContext.create("libopus", "r")
    decoder.sample_rate, decoder.layout = 48_000, "mono"
    begin = None
    for packet in packets:
        for frame in decoder.decode(av.Packet(packet.payload)):
            decoded = frame.to_ndarray().reshape(-1)
            heard = decoded / (32768 if decoded.dtype == np.int16 else 1.0)
            loud = np.flatnonzero(np.abs(heard) > 0.2)
            if begin is None and len(loud):
                ticks = ticks_difference(packet.capture_time, clock.ticks_at(origin_ns))
                begin = ticks / 90_000 + loud[0] / 48_000
    assert begin is not None
    assert abs(begin - 0.5) < 0.008


def test_gaps_become_silence_and_overlaps_are_cut() -> None:
    clock = SkippingClock()
    packetizer = OpusPacketizer(bitrate_bps=16_000, packet_ms=20, clock=clock)
    origin_ns = clock.now_ns()

    def piece(milliseconds: int, count: int) -> SoundPiece:
        return SoundPiece(origin_ns + milliseconds * 1_000_000, np.zeros(48 * count, np.int16))

    packets = packetizer.feed(piece(0, 100))
    packets += packetizer.feed(piece(300, 100))  # 200 ms are missing
    packets += packetizer.feed(piece(350, 100))  # 50 ms are there twice
    assert len(packets) == 22
    packets += packetizer.feed(piece(5000, 100))  # a pause: not filled
    assert len(packets) == 27
    jump = ticks_difference(packets[-1].capture_time, packets[0].capture_time)
    assert abs(jump / 90 - 5080) <= 21


@pytest.mark.parametrize("packet_ms", [20, 40, 60])
def test_bitrate_and_duration_are_as_asked(packet_ms: int) -> None:
    clock = SkippingClock()
    packetizer = OpusPacketizer(bitrate_bps=12_000, packet_ms=packet_ms, clock=clock)
    generator = np.random.default_rng(1)
    noise = (generator.standard_normal(48_000 * 4) * 3000).astype(np.int16)
    packets = packetizer.feed(SoundPiece(clock.now_ns(), noise))
    assert {packet.duration for packet in packets} == {48 * packet_ms}
    seconds = len(packets) * packet_ms / 1000
    bits = 8 * sum(len(packet.payload) for packet in packets)
    assert 8_000 < bits / seconds < 15_000
