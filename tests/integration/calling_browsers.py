"""Chromiums that call each other: each with a film for a camera and beeps for a microphone."""

import base64
import io
import wave
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image as PillowImage
from playwright.async_api import Page, async_playwright, expect

from benchmarks.chromium import (
    ARGUMENTS,
    camera_arguments,
    fit_to_camera,
    write_camera_film,
)
from shared.parameters import FloatArray, Image
from shared.tracker import FaceTracker
from tests.integration.browser import chromium_path
from tests.material import clip_frames

CAMERA_FPS = 8
"""Two cores track two faces and rebuild them at no more."""

_SAMPLE_RATE = 48_000

_CROPS_PER_PICTURE = 3
"""That may be the film's: the best fit alone may be to a frame of another place."""

_TAKE_PICTURE = """
async () => {
  const video = document.getElementById("picture");
  await new Promise((resolve) => video.requestVideoFrameCallback(resolve));
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  canvas.getContext("2d").drawImage(video, 0, 0);
  const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
"""

_LISTEN = """
async ({ frequencies, milliseconds }) => {
  const context = new AudioContext();
  await context.resume();
  const analyser = new AnalyserNode(context, { fftSize: 8192, smoothingTimeConstant: 0 });
  const stream = document.getElementById("picture").srcObject;
  context.createMediaStreamSource(new MediaStream(stream.getAudioTracks())).connect(analyser);
  const bins = new Float32Array(analyser.frequencyBinCount);
  const loudest = frequencies.map(() => -200);
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 80));
    analyser.getFloatFrequencyData(bins);
    frequencies.forEach((frequency, index) => {
      const bin = Math.round((frequency * analyser.fftSize) / context.sampleRate);
      for (let near = bin - 2; near <= bin + 2; near++) {
        loudest[index] = Math.max(loudest[index], bins[near]);
      }
    });
  }
  await context.close();
  return loudest;
}
"""


@dataclass
class Caller:
    """A browser of one party."""

    page: Page
    film: list[Image]
    """What its camera shows."""

    tone_hz: int
    """Of its beeps."""

    problems: list[str] = field(default_factory=list)

    async def enter(self, link: str) -> None:
        """Through the lobby, once the face is followed, into the call."""
        await self.page.goto(link)
        await self.go_in()

    async def go_in(self) -> None:
        """From the lobby into the call."""
        page = self.page
        await expect(page.locator("#retake")).to_be_enabled(timeout=40_000)
        await page.click("#join")

    async def sees(self, connection: str, *, seconds: float = 30) -> None:
        """Wait until the head of the page says so."""
        await expect(self.page.locator("#connection")).to_have_text(
            connection, timeout=seconds * 1000
        )

    async def statistics(self) -> dict[str, str]:
        """The texts beside the picture, by the id of their element."""
        found = await self.page.eval_on_selector_all(
            "#statistics dd", "all => Object.fromEntries(all.map(dd => [dd.id, dd.textContent]))"
        )
        return dict(found)

    async def picture(self) -> Image:
        """The next picture of the other side."""
        data = base64.b64decode(await self.page.evaluate(_TAKE_PICTURE))
        return np.array(PillowImage.open(io.BytesIO(data)).convert("RGB"))

    async def loudness_db(self, tones_hz: Sequence[int], *, seconds: float = 3) -> list[float]:
        """The loudest that each tone was heard in this while."""
        options = {"frequencies": list(tones_hz), "milliseconds": seconds * 1000}
        return list(await self.page.evaluate(_LISTEN, options))


@asynccontextmanager
async def calling_browser(
    folder: Path,
    clip: Path,
    *,
    tone_hz: int,
    in_namespace: str | None = None,
    blank_seconds: float = 0.0,
    dark: bool = False,
    width: int = 1100,
    height: int = 800,
) -> AsyncIterator[Caller]:
    """A browser whose camera shows `clip` and whose microphone hears beeps of a tone.

    The clip comes again and again, between two times nothing is seen for `blank_seconds`.
    """
    film = _write_camera(clip, folder / f"{clip.stem}.y4m", CAMERA_FPS, blank_seconds)
    _write_beeps(folder / f"{tone_hz}.wav", tone_hz)
    path = chromium_path()
    if in_namespace is not None:
        script = folder / f"chromium-{in_namespace}"
        script.write_text(f'#!/bin/sh\nexec ip netns exec {in_namespace} {path} "$@"\n')
        script.chmod(0o755)
        path = str(script)
    arguments = [
        *ARGUMENTS,
        *camera_arguments(folder / f"{clip.stem}.y4m", folder / f"{tone_hz}.wav"),
    ]
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=arguments)
        context = await chromium.new_context(
            ignore_https_errors=True,
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
        )
        caller = Caller(await context.new_page(), film, tone_hz)
        caller.page.on(
            "console",
            lambda message: (
                caller.problems.append(message.text)
                if message.type in ("error", "warning")
                else None
            ),
        )
        caller.page.on("pageerror", lambda error: caller.problems.append(str(error)))
        try:
            yield caller
        finally:
            await chromium.close()


async def pictures_of(caller: Caller, other: Caller) -> list[Image]:
    """Some pictures that a caller sees, which must be of the other and not of its own film."""
    pictures = [await caller.picture() for _ in range(6)]
    others, own = _agreement_px(pictures, other.film), _agreement_px(pictures, caller.film)
    print(f"landmarks agree within {others:.2f} px, with its own film within {own:.2f}")
    assert others < min(2.0, 0.75 * own)
    return pictures


def _agreement_px(pictures: Sequence[Image], film: Sequence[Image]) -> float:
    """How far the pictures' landmarks lie from those of the film's nearest frame, in pixels of 256.

    In the mean of a picture's landmarks, and of the pictures the median: on two busy cores a frame
    of 8 a second may come too late, and the one guessed in its place is no frame of the film. All
    pictures are taken for one crop of the film, a square that fits best: where a face is, how it is
    turned and what it says must all be right.
    """
    tracker = FaceTracker()
    shown = [_landmarks(tracker, one) * np.float32(256 / len(one)) for one in pictures]
    driven = [points for points in (_landmarks(tracker, one) for one in film) if len(points)]
    assert all(len(points) for points in shown), "no face in a picture"
    crops = [
        crop
        for points in shown
        for crop in sorted(
            (_crop(points, frame) for frame in driven), key=lambda crop: crop.left_px
        )[:_CROPS_PER_PICTURE]
    ]
    errors = [
        [min(_distance(points, frame, crop) for frame in driven) for points in shown]
        for crop in crops
    ]
    return min(float(np.median(row)) for row in errors)


@dataclass(frozen=True)
class _Crop:
    """Takes landmarks of a film's frame to those of a picture."""

    scale: float
    offset: FloatArray
    left_px: float
    """Mean distance that it left where it was found."""


def _crop(points: FloatArray, frame: FloatArray) -> _Crop:
    centred, other = points - points.mean(0), frame - frame.mean(0)
    scale = float(np.sum(centred * other) / np.sum(other * other))
    offset = points.mean(0) - scale * frame.mean(0)
    left = np.linalg.norm(points - scale * frame - offset, axis=1)
    return _Crop(scale, offset, float(left.mean()))


def _distance(points: FloatArray, frame: FloatArray, crop: _Crop) -> float:
    moved = crop.scale * frame + crop.offset
    return float(np.linalg.norm(points - moved, axis=1).mean())


def _landmarks(tracker: FaceTracker, picture: Image) -> FloatArray:
    """(478, 2), or (0, 2) without a face."""
    tracker.reset()
    faces = tracker.track(picture)
    return faces[0].points[:, :2] if faces else np.empty((0, 2), np.float32)


def _write_camera(clip: Path, path: Path, fps: int, blank_seconds: float) -> list[Image]:
    """Six seconds of a clip in the middle of a camera's frame; returns its frames."""
    with av.open(str(clip)) as container:
        source_fps = float(container.streams.video[0].average_rate or 25)
    frames = list(clip_frames(clip, int(6 * source_fps)))
    picked = [
        frames[int(index * source_fps / fps)]
        for index in range(int(len(frames) * fps / source_fps))
    ]
    film = [fit_to_camera(image) for image in picked]
    blank = [np.full_like(film[0], 90)] * int(blank_seconds * fps)
    write_camera_film([*film, *blank], path, fps)
    return film


def _write_beeps(path: Path, tone_hz: int) -> None:
    """Four seconds; steady tones would be taken for noise by the browser and removed."""
    time = np.arange(4 * _SAMPLE_RATE) / _SAMPLE_RATE
    gate: NDArray[np.float64] = ((time % 0.5) < 0.25).astype(np.float64)
    samples = (0.5 * np.sin(2 * np.pi * tone_hz * time) * gate * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(_SAMPLE_RATE)
        file.writeframes(samples.tobytes())
