"""Which source of pictures and sound the settings ask for."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from sender.audio_capture import FileSound, MicrophoneSound, SoundSource
from sender.cameras import CameraSource
from sender.capture import FrameSource
from sender.media_file import MediaFile, MediaTimeline
from sender.opus_packetizer import OpusPacketizer
from sender.portrait import PortraitSource
from sender.settings import InputKind, SenderSettings
from sender.video_file import VideoFileSource
from shared.clock import SystemClock
from shared.errors import ConfigError
from shared.metrics import Metrics

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, eq=False)
class SoundInput:
    """A source of sound and what packs it."""

    source: SoundSource
    packetizer: OpusPacketizer


@dataclass(frozen=True, slots=True, eq=False)
class Inputs:
    """What was found usable; nothing runs yet."""

    start: Callable[[], tuple[FrameSource, SoundInput | None]]
    """Pictures and sound from now on, on one timeline."""

    has_sound: bool


def open_inputs(settings: SenderSettings, *, clock: SystemClock, metrics: Metrics) -> Inputs:
    """Check what is asked for.

    Raises ConfigError where there is no such device, ArtifactError for a file that is no video.
    """
    match settings.input:
        case InputKind.VIDEO:
            assert settings.video is not None
            media = MediaFile.probe(settings.video)
            return _file_inputs(settings, media, clock=clock, metrics=metrics)
        case InputKind.CAMERA:
            return _camera_inputs(settings, clock=clock, metrics=metrics)
        case InputKind.PORTRAIT:
            portrait = PortraitSource(clock=clock, metrics=metrics, fps=settings.fps)
            return Inputs(start=lambda: (portrait, None), has_sound=False)


def _file_inputs(
    settings: SenderSettings, media: MediaFile, *, clock: SystemClock, metrics: Metrics
) -> Inputs:
    has_sound = settings.audio and media.has_audio

    def start() -> tuple[FrameSource, SoundInput | None]:
        timeline = MediaTimeline(media, clock)
        source = VideoFileSource(media, timeline, clock=clock, metrics=metrics, fps=settings.fps)
        sound = FileSound(media, timeline, clock)
        return source, _packed(settings, sound, clock) if has_sound else None

    return Inputs(start=start, has_sound=has_sound)


def _camera_inputs(settings: SenderSettings, *, clock: SystemClock, metrics: Metrics) -> Inputs:
    camera = CameraSource(settings.camera, clock=clock, metrics=metrics, fps=settings.fps)
    microphone = _microphone(settings, clock)

    def start() -> tuple[FrameSource, SoundInput | None]:
        return camera, None if microphone is None else _packed(settings, microphone, clock)

    return Inputs(start=start, has_sound=microphone is not None)


def _microphone(settings: SenderSettings, clock: SystemClock) -> MicrophoneSound | None:
    """A machine without one sends no sound; one that was asked for by name must be there."""
    if not settings.audio:
        return None
    try:
        return MicrophoneSound(settings.microphone, clock)
    except ConfigError as error:
        if settings.microphone is not None:
            raise
        _logger.warning("%s", error)
        return None


def _packed(settings: SenderSettings, source: SoundSource, clock: SystemClock) -> SoundInput:
    packetizer = OpusPacketizer(
        bitrate_bps=settings.audio_bitrate_bps, packet_ms=settings.audio_packet_ms, clock=clock
    )
    return SoundInput(source, packetizer)
