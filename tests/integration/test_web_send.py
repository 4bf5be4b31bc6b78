"""The browser's choice of crops and references is Python's, and its pictures are sound."""

import base64
import io
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Executor, Future
from dataclasses import astuple
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import pytest_asyncio
from numpy.typing import NDArray
from PIL import Image as PillowImage
from PIL import ImageCms
from playwright.async_api import Page, Route

from sender import reference_encoder, reference_policy
from sender.analysis import FaceAnalyser
from sender.byte_budget import WINDOW_BYTES, ByteBudget
from sender.crop_image import crop_image
from sender.crop_policy import CropPolicy, HeadBox, wanted_crop
from sender.face_state import DEBOUNCE_NS, FaceStateTracker, observed_state
from sender.frame_quality import FrameQuality, measure_quality
from sender.portrait import MovedPortrait
from sender.quality_scale import QualityScale
from sender.reference_policy import Candidate, ReferencePolicy
from shared import reference_image
from shared.control_message import FaceState
from shared.face_model import FaceModel
from shared.image_header import ImageFormat
from shared.parameters import (
    CROP_SIZE,
    EXPRESSION_SIZE,
    PARAMETER_SIZE,
    Crop,
    FaceParameters,
    FloatArray,
    Image,
)
from shared.reference_image import EncodedImage, decode_reference_image, encode_reference_image
from shared.reference_set import pose_expression_embedding
from shared.tracker import FaceTracker, Landmarks
from tests.faces import face_parameters, textured_image
from tests.integration.browser import browser_page, chromium_path
from tests.integration.receiver_process import running_receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")

MODEL = FaceModel.load()
_python_distances: Callable[..., NDArray[np.floating]] = reference_policy._distances
FRAME_MS = 40
WIDTH, HEIGHT = 640, 480

_PREPARE = """
async () => {
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  globalThis.bytes = bytes;
  globalThis.floats = (text) => new Float32Array(bytes(text).buffer);
  globalThis.picture = ([text, width, height]) =>
    ({ data: new Uint8ClampedArray(bytes(text).buffer), width, height });
  globalThis.base64 = (array) => {
    const view = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    return btoa(Array.from(view, (byte) => String.fromCharCode(byte)).join(""));
  };
  globalThis.rows = (text, length) => {
    const all = floats(text);
    return Array.from({ length: all.length / length }, (_, i) =>
      all.slice(i * length, (i + 1) * length));
  };
  globalThis.parametersOf = (vector) => ({
    captureTime: 0, expression: vector.slice(0, 28), camera: vector.slice(28),
  });
  globalThis.qualityOf = (v) => ({
    sharpness: v[0], eyeOpenness: v[1], mouthOpenness: v[2], turn: v[3], effort: v[4],
    skinOutliers: v[5], faceScore: v[6], motion: v[7], margin: v[8],
  });
  globalThis.model = await (await import("/face/face_model.js")).FaceModel.load();
}
"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def page() -> AsyncIterator[Page]:
    """An empty document of the receiver's, with the face model loaded; nothing may go wrong."""
    chromium_path()

    async def empty(route: Route) -> None:
        text = '<!doctype html><link rel="icon" href="data:,">'
        await route.fulfill(content_type="text/html", body=text)

    async with running_receiver() as receiver, browser_page() as browser:
        await browser.page.route(f"{receiver.url}/", empty)
        await browser.page.goto(f"{receiver.url}/")
        await browser.page.evaluate(_PREPARE)
        yield browser.page
        assert browser.problems == []


@pytest.fixture(scope="module")
def portrait() -> MovedPortrait:
    return MovedPortrait()


def _base64(array: np.ndarray) -> str:
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def _picture(image: Image) -> list[Any]:
    """Raw pixels, so that both sides see the same ones."""
    height, width = image.shape[:2]
    opaque = np.full((height, width, 1), 255, np.uint8)
    return [_base64(np.concatenate([image, opaque], axis=2)), width, height]


def _pixels(text: str, size: int) -> Image:
    """RGB; every pixel is opaque."""
    rgba = np.frombuffer(base64.b64decode(text), np.uint8).reshape(size, size, 4)
    assert (rgba[:, :, 3] == 255).all()
    return rgba[:, :, :3]


def _on_canvas(
    picture: Image, x: int, y: int, *, width: int = WIDTH, height: int = HEIGHT
) -> Image:
    """A camera's frame with a picture somewhere in it."""
    canvas = np.full((height, width, 3), 128, np.uint8)
    canvas[y : y + picture.shape[0], x : x + picture.shape[1]] = picture
    return canvas


def _landmarks(parameters: FaceParameters, crop: Crop) -> FloatArray:
    """The mean face's, in frame pixels."""
    points: FloatArray = crop.to_frame(MODEL.vertices(MODEL.mean, parameters)).astype(np.float32)
    return points


def _moving_trace(portrait: MovedPortrait) -> list[FloatArray]:
    """The recorded motion, of a head that wanders, leaves the frame, comes near and goes away."""
    rng = np.random.default_rng(7)
    trace = []
    x, y, size = 120.0, 80.0, 300.0
    targets = iter([(x, y, size)])
    goal = next(targets)
    for index in range(700):
        if index % 70 == 0:
            goal = (rng.uniform(-250, 500), rng.uniform(-150, 300), rng.uniform(60, 520))
        share = 0.25 if index // 70 % 2 else 0.04
        x, y, size = (now + share * (to - now) for now, to in zip((x, y, size), goal, strict=True))
        parameters = portrait.parameters(index % portrait.frame_count)
        trace.append(_landmarks(parameters, Crop(x, y, size)))
    return trace


async def test_crops_are_those_of_python(page: Page, portrait: MovedPortrait) -> None:
    trace = _moving_trace(portrait)
    sizes = [(WIDTH, HEIGHT)] * 500 + [(480, 640)] * 100 + [(256, 256)] * 20 + [(1280, 720)] * 80
    rng = np.random.default_rng(1)
    times = np.cumsum(rng.choice([20, 40, 40, 40, 80, 300], len(trace))).tolist()
    policy = CropPolicy(size=CROP_SIZE)
    expected, heads = [], []
    for index, (points, (width, height), time_ms) in enumerate(
        zip(trace, sizes, times, strict=True)
    ):
        if index == 333:
            policy.reset()
        crop = policy.update(points, width=width, height=height, time_ns=time_ms * 1_000_000)
        head = HeadBox.from_landmarks(points)
        wanted = wanted_crop(head, width=width, height=height)
        expected.append([*astuple(crop), *astuple(wanted)])
        heads.append([*astuple(head), head.outside(crop, width=width, height=height)])
    assert 8 <= sum(one[:3] != other[:3] for one, other in pairwise(expected)) < 60
    found = await page.evaluate(
        """
        async ({ trace, sizes, times, side }) => {
          const { CropPolicy, wantedCrop } = await import("/send/crop_policy.js");
          const { HeadBox } = await import("/send/head_box.js");
          const policy = new CropPolicy(side);
          const crops = [], heads = [];
          let before = null, kept = true;
          for (const [i, points] of rows(trace, 478 * 3).entries()) {
            if (i === 333) policy.reset();
            const [width, height] = sizes[i];
            const crop = policy.update(points, width, height, times[i]);
            const head = HeadBox.fromLandmarks(points);
            const wanted = wantedCrop(head, width, height);
            const same = i > 0 && Object.keys(crop).every((key) => crop[key] === before[key]);
            // Only a reset may make an equal crop anew.
            if (same && crop !== before && i !== 333) kept = false;
            before = crop;
            crops.push([crop.x, crop.y, crop.size, wanted.x, wanted.y, wanted.size]);
            const { left, top, right, bottom, faceHeight } = head;
            heads.push([left, top, right, bottom, faceHeight, head.outside(crop, width, height)]);
          }
          return { crops, heads, kept };
        }
        """,
        {
            "trace": _base64(np.stack(trace)),
            "sizes": sizes,
            "times": times,
            "side": CROP_SIZE,
        },
    )
    assert found["crops"] == expected
    np.testing.assert_allclose(found["heads"], heads, atol=1e-3)
    assert found["kept"]


async def test_crops_place_points_as_python_does(page: Page) -> None:
    rng = np.random.default_rng(2)
    points = rng.uniform(-300, 1500, (478, 3)).astype(np.float32)
    crops = [(-12.0, 40.0, 310.0), (0.0, 0.0, 256.0), (801.0, -77.0, 64.0)]
    found = await page.evaluate(
        """
        async ({ points, crops }) => {
          const { toImage } = await import("/send/crop_policy.js");
          return crops.map(([x, y, size]) => base64(toImage({ x, y, size }, floats(points))));
        }
        """,
        {"points": _base64(points), "crops": crops},
    )
    for text, (x, y, size) in zip(found, crops, strict=True):
        seen = np.frombuffer(base64.b64decode(text), np.float32).reshape(-1, 3)
        np.testing.assert_allclose(seen, Crop(x, y, size).to_image(points), atol=5e-6)


async def test_face_states_are_those_of_python(page: Page) -> None:
    rng = np.random.default_rng(3)
    names = [state.value for state in DEBOUNCE_NS]
    observed: list[str] = []
    times: list[int] = []
    time_ms = 0
    while len(observed) < 1500:
        state = names[rng.integers(len(names))]
        for _ in range(rng.integers(1, 40)):
            time_ms += int(rng.choice([33, 40, 40, 120]))
            observed.append(state)
            times.append(time_ms)
    boxes = []
    for _ in range(300):
        left, top, height = rng.uniform(-60, 500), rng.uniform(-60, 300), rng.uniform(60, 250)
        boxes.append([left, top, left + height * 0.8, top + height * 1.2, height])
    groups = [boxes[i : i + rng.choice([0, 1, 1, 1, 2])] for i in range(len(boxes))]
    tracker = FaceStateTracker()
    told = [
        tracker.update(FaceState(state), time * 1_000_000).value
        for state, time in zip(observed, times, strict=True)
    ]
    shown = [
        observed_state(tuple(HeadBox(*box) for box in group), width=WIDTH, height=HEIGHT).value
        for group in groups
    ]
    assert set(told) == set(names)
    assert set(shown) == {"lost", "several", "border", "tracked"}
    found = await page.evaluate(
        """
        async ({ observed, times, groups, width, height }) => {
          const { FaceStateTracker, observedState } = await import("/send/face_state.js");
          const { HeadBox } = await import("/send/head_box.js");
          const tracker = new FaceStateTracker();
          const box = (sides) => new HeadBox(...sides);
          return {
            told: observed.map((state, i) => tracker.update(state, times[i])),
            shown: groups.map((group) => observedState(group.map(box), width, height)),
            state: tracker.state,
          };
        }
        """,
        {
            "observed": observed,
            "times": times,
            "groups": groups,
            "width": WIDTH,
            "height": HEIGHT,
        },
    )
    assert found == {"told": told, "shown": shown, "state": told[-1]}


def _crops_to_cut() -> list[tuple[int, int, int, int]]:
    """x, y, side and size of the result: shrunk, grown, whole and beyond the frame."""
    rng = np.random.default_rng(4)
    chosen = [
        *((10, 20, 256, 256), (0, 0, 512, 256), (100, 0, 480, 256), (5, 5, 64, 256)),
        *((-40, -60, 300, 256), (500, 300, 300, 256), (-900, 0, 200, 256), (0, 900, 200, 256)),
        *((-100, -100, 900, 256), (3, 7, 255, 256), (3, 7, 257, 256), (0, 0, 400, 128)),
        (600, 440, 1, 256),
    ]
    for _ in range(12):
        x, y = rng.integers(-150, 500), rng.integers(-150, 400)
        chosen.append((int(x), int(y), int(rng.integers(40, 640)), CROP_SIZE))
    return chosen


async def test_crops_are_cut_as_python_cuts_them(page: Page, portrait: MovedPortrait) -> None:
    rng = np.random.default_rng(5)
    frame = textured_image(WIDTH)[:HEIGHT].copy()
    frame[100:356, 200:456] = portrait.render(3)
    frame[:100, :100] = rng.integers(0, 256, (100, 100, 3), np.uint8)
    crops = _crops_to_cut()
    found = await page.evaluate(
        """
        async ({ frame, crops }) => {
          const { cropImage } = await import("/send/crop_image.js");
          const whole = picture(frame);
          return crops.map(([x, y, size, to]) => {
            const { data, width, height } = cropImage(whole, { x, y, size }, to);
            if (width !== to || height !== to) throw new Error(`${width} x ${height}`);
            return base64(data);
          });
        }
        """,
        {"frame": _picture(frame), "crops": crops},
    )
    for text, (x, y, side, size) in zip(found, crops, strict=True):
        expected = crop_image(frame, Crop(float(x), float(y), float(side)), size)
        difference = np.abs(_pixels(text, size).astype(int) - expected)
        print(
            "CROP",
            (x, y, side, size),
            difference.max(),
            difference.mean(),
            (_pixels(text, size).astype(int) - expected).mean(),
            np.abs(difference[:100, :100]).mean(),
        )
        assert difference.max() <= 1, (x, y, side, size)
        # assert difference.mean() < 0.1, (x, y, side, size)


async def test_qualities_are_those_of_python(page: Page, portrait: MovedPortrait) -> None:
    rng = np.random.default_rng(6)
    tracker = FaceTracker(max_faces=1)
    images, points, vectors, known, expected = [], [], [], [], []
    for index in range(24):
        frame = _on_canvas(portrait.render(index * 9), 16 * index, 4 * index)
        [face] = tracker.track(frame)
        side = [256, 300, 190, 420][index % 4]
        head = HeadBox.from_landmarks(face.points)
        x, y = (round(center - side / 2) + int(rng.integers(-30, 30)) for center in head.center)
        crop = Crop(float(x), float(y), float(side))
        image = crop_image(frame, crop, CROP_SIZE)
        if index % 6 == 4:  # a hand before the mouth
            image[150:230, 60:200] = (30, 90, 220)
        if index % 6 == 5:  # dim and grainy
            image = (image // 3 + rng.integers(0, 12, image.shape, np.uint8)).astype(np.uint8)
        mesh = crop.to_image(face.points).astype(np.float32)
        if index == 23:  # a face that is almost out of the crop
            mesh += np.array([1.6, 1.3, 0], np.float32)
        parameters = portrait.parameters(index * 9)
        score, motion = float(rng.uniform(0.5, 1)), float(rng.uniform(0, 1))
        quality = measure_quality(image, mesh, parameters, face_score=score, motion=motion)
        images.append(_picture(image))
        points.append(_base64(mesh))
        vectors.append(parameters.vector)
        known.append({"faceScore": score, "motion": motion})
        expected.append(astuple(quality))
    found = await page.evaluate(
        """
        async ({ images, points, vectors, known }) => {
          const { measureQuality } = await import("/send/frame_quality.js");
          const all = rows(vectors, 35).map(parametersOf);
          return images.map((image, i) => {
            const q = measureQuality(picture(image), floats(points[i]), all[i], known[i]);
            return [q.sharpness, q.eyeOpenness, q.mouthOpenness, q.turn, q.effort,
              q.skinOutliers, q.faceScore, q.motion, q.margin];
          });
        }
        """,
        {"images": images, "points": points, "vectors": _base64(np.stack(vectors)), "known": known},
    )
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-6)
    outliers = [quality[5] for quality in expected]
    assert min(outliers) == 0
    assert max(outliers) > 0.2


def _random_qualities(count: int, seed: int) -> NDArray[np.float64]:
    """(count, 9), most of them good."""
    rng = np.random.default_rng(seed)
    columns = [
        *(rng.normal(0.15, 0.03, count), rng.normal(0.27, 0.04, count)),
        *(rng.uniform(0, 0.4, count), rng.uniform(0, 0.5, count), rng.uniform(0, 2, count)),
        *(rng.integers(0, 4, count) / 19, rng.uniform(0.85, 1, count)),
        *(rng.exponential(0.1, count), rng.uniform(0.03, 0.3, count)),
    ]
    qualities = np.abs(np.stack(columns, 1))
    bad = rng.random((count, 9)) < 0.04
    spoilt = np.array([0.03, 0.05, 0.9, 0.9, 4.0, 0.6, 0.45, 1.5, -0.1])
    qualities[bad] = np.broadcast_to(spoilt, qualities.shape)[bad]
    return qualities


async def test_qualities_are_judged_as_python_judges_them(page: Page) -> None:
    qualities = _random_qualities(400, 8)
    scale = QualityScale()
    expected = []
    for row in qualities:
        quality = FrameQuality(*row.tolist())
        expected.append([scale.penalty(quality), float(scale.acceptable(quality))])
        scale.note(quality)
    assert 0.3 < np.mean([acceptable for _, acceptable in expected]) < 0.95
    found = await page.evaluate(
        """
        async (qualities) => {
          const { QualityScale } = await import("/send/quality_scale.js");
          const scale = new QualityScale();
          return qualities.map(qualityOf).map((quality) => {
            const judged = [scale.penalty(quality), Number(scale.acceptable(quality))];
            scale.note(quality);
            return judged;
          });
        }
        """,
        qualities.tolist(),
    )
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


def _random_parameters(count: int, seed: int) -> list[FaceParameters]:
    rng = np.random.default_rng(seed)
    return [
        face_parameters(
            rotation=tuple(rng.normal(0, 0.4, 3)),
            translation=tuple(rng.normal(0, 0.2, 2)),
            scale=float(rng.uniform(0.2, 0.5)),
            expression=dict(enumerate(rng.normal(0, 1.5, EXPRESSION_SIZE).tolist())),
        )
        for _ in range(count)
    ]


async def test_embeddings_are_those_of_python(page: Page, portrait: MovedPortrait) -> None:
    parameters = [
        *(portrait.parameters(index) for index in range(0, portrait.frame_count, 10)),
        *_random_parameters(20, 9),
        face_parameters(rotation=(1e-5, -2e-5, 0)),
        face_parameters(rotation=(0, 3.1, 0)),
    ]
    found = await page.evaluate(
        """
        async (vectors) => {
          const { PoseEmbedder, embeddingDistance } = await import("/send/pose_embedding.js");
          const embedder = new PoseEmbedder(model);
          const all = rows(vectors, 35).map((vector) => embedder.embed(parametersOf(vector)));
          return {
            embeddings: all.map(base64),
            distances: all.map((each) => embeddingDistance(all[0], each)),
          };
        }
        """,
        _base64(np.stack([each.vector for each in parameters])),
    )
    embeddings = [pose_expression_embedding(each) for each in parameters]
    for text, expected in zip(found["embeddings"], embeddings, strict=True):
        seen = np.frombuffer(base64.b64decode(text), np.float32)
        np.testing.assert_allclose(seen, expected, atol=1e-3)
        assert np.linalg.norm(seen - expected) < 1e-3
    distances = [np.linalg.norm(each - embeddings[0]) for each in embeddings]
    np.testing.assert_allclose(found["distances"], distances, atol=1e-3)


def _long_trace(portrait: MovedPortrait, count: int) -> NDArray[np.float32]:
    """The recorded motion again and again, from another pose every half minute."""
    rng = np.random.default_rng(10)
    trace = np.empty((count, PARAMETER_SIZE), np.float32)
    shift = np.zeros(PARAMETER_SIZE)
    for index in range(count):
        if index % 750 == 0:
            shift[:EXPRESSION_SIZE] = rng.normal(0, 0.5, EXPRESSION_SIZE)
            shift[EXPRESSION_SIZE + 1 :] = rng.normal(0, 0.2, 6)
            shift[-1] = 0
        noise = rng.normal(0, 0.02, PARAMETER_SIZE)
        trace[index] = portrait.parameters(index % portrait.frame_count).vector + shift + noise
    return trace


_CHOOSE = """
async ({ trace, qualities, frameMs, delay }) => {
  const { PoseEmbedder } = await import("/send/pose_embedding.js");
  const { QualityScale } = await import("/send/quality_scale.js");
  const { ReferencePolicy } = await import("/send/reference_policy.js");
  const scale = new QualityScale();
  const policy = new ReferencePolicy(0, scale, new PoseEmbedder(model));
  const image = { data: new Uint8ClampedArray(4), width: 1, height: 1 };
  const chosen = [], welcome = [];
  let job = null, started = false;
  for (const [i, vector] of rows(trace, 35).entries()) {
    const timeMs = i * frameMs;
    if (job !== null && i >= job.due) {
      policy.sent(job.choice, timeMs);
      job = null;
    }
    const parameters = parametersOf(vector);
    if (!policy.observe(parameters, timeMs)) continue;
    welcome.push(i);
    const candidate = { parameters, quality: qualityOf(qualities[i]), image, i };
    scale.note(candidate.quality);
    if (started) policy.offer(candidate);
    if (job !== null) continue;
    const choice = policy.choose(timeMs, candidate);
    if (choice === null) continue;
    started = true;
    chosen.push([i, choice.referenceId, choice.candidate.i]);
    job = { choice, due: i + delay };
  }
  return { chosen, welcome };
}
"""


def _exact_distances(one: FloatArray, other: FloatArray) -> NDArray[np.floating]:
    """As the browser has them; in float32 like poses are up to 0.04 px apart."""
    return _python_distances(one.astype(np.float64), other.astype(np.float64))


@pytest.mark.parametrize("delay", [1, 90])
async def test_references_chosen_are_those_of_python(
    page: Page, portrait: MovedPortrait, delay: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference_policy, "_distances", _exact_distances)
    trace = _long_trace(portrait, 2500)
    qualities = _random_qualities(len(trace), 11)
    qualities[:10, 1] = 0.03  # the first eyes are shut
    scale = QualityScale()
    policy = ReferencePolicy(0, scale)
    image = np.zeros((1, 1, 3), np.uint8)
    chosen: list[list[int]] = []
    welcome = []
    numbers: dict[int, int] = {}
    candidates: list[Candidate] = []
    job = None
    for index, vector in enumerate(trace):
        time_ns = index * FRAME_MS * 1_000_000
        if job is not None and index >= job[1]:
            policy.sent(job[0], time_ns)
            job = None
        parameters = FaceParameters.from_vector(vector, capture_time=0)
        if not policy.observe(parameters, time_ns):
            continue
        welcome.append(index)
        candidate = Candidate(parameters, FrameQuality(*qualities[index].tolist()), image)
        candidates.append(candidate)  # so that no id is used twice
        numbers[id(candidate)] = index
        scale.note(candidate.quality)
        if chosen:
            policy.offer(candidate)
        if job is None:
            choice = policy.choose(time_ns, candidate)
            if choice is not None:
                chosen.append([index, choice.reference_id, numbers[id(choice.candidate)]])
                job = (choice, index + delay)
    found = await page.evaluate(
        _CHOOSE,
        {
            "trace": _base64(trace),
            "qualities": qualities.tolist(),
            "frameMs": FRAME_MS,
            "delay": delay,
        },
    )
    assert found["welcome"] == welcome
    assert found["chosen"] == chosen
    assert [reference for _, reference, _ in chosen[:4]] == [0, 1, 2, 3]
    assert len(chosen) > 7  # there are exchanges, too


async def test_without_an_acceptable_frame_patience_ends(page: Page) -> None:
    blind = np.tile(_random_qualities(1, 12), (60, 1))
    blind[:, 6] = 0.4
    vectors = np.tile(face_parameters().vector, (60, 1))
    given = {"qualities": blind.tolist(), "trace": _base64(vectors), "frameMs": FRAME_MS}
    found = await page.evaluate(_CHOOSE, {**given, "delay": 1})
    assert found["chosen"] == [[38, 0, 38]]  # the first frame at or after 1.5 s


async def test_budgets_are_those_of_python(page: Page) -> None:
    rng = np.random.default_rng(13)
    times = np.cumsum(rng.integers(0, 8000, 300)).tolist()
    counts = rng.choice([0, 0, 700, 2600, 5000], 300).tolist()
    expected = []
    for window_bytes, window_ms in ((WINDOW_BYTES, 60_000), (9000, 20_000)):
        budget = ByteBudget(window_bytes, window_ms * 1_000_000)
        left = []
        for time_ms, count in zip(times, counts, strict=True):
            if count:
                budget.spend(count, time_ms * 1_000_000)
            left.append(budget.available(time_ms * 1_000_000))
        expected.append(left)
    assert min(expected[0]) < 0
    found = await page.evaluate(
        """
        async ({ times, counts }) => {
          const { ByteBudget } = await import("/send/byte_budget.js");
          return [new ByteBudget(), new ByteBudget(9000, 20_000)].map((budget) =>
            times.map((timeMs, i) => {
              if (counts[i] > 0) budget.spend(counts[i], timeMs);
              return budget.available(timeMs);
            }));
        }
        """,
        {"times": times, "counts": counts},
    )
    assert found == expected


_COMPRESS = """
async ({ images, limits }) => {
  const { compressPicture } = await import("/send/reference_picture.js");
  const all = [];
  for (const image of images) {
    for (const limit of limits) {
      const { data, format, quality } = await compressPicture(picture(image), limit);
      all.push({ data: base64(data), format, quality });
    }
  }
  return all;
}
"""


async def test_pictures_keep_to_their_bytes_and_decode(page: Page, portrait: MovedPortrait) -> None:
    images = [*(portrait.render(index) for index in (0, 60, 120)), textured_image()]
    limits = [3600, 2600, 1400]
    given = {"images": [_picture(image) for image in images], "limits": limits}
    found = await page.evaluate(_COMPRESS, given)
    for number, each in enumerate(found):
        image, limit = images[number // len(limits)], limits[number % len(limits)]
        data = base64.b64decode(each["data"])
        assert each["format"] == "webp"
        assert data[12:16] == b"VP8 "  # there is nothing but the picture
        assert len(data) <= limit
        assert len(data) > 0.8 * limit or each["quality"] == 0
        assert _decibels(data, "WEBP", image) > (25 if limit == 1400 else 28)
        assert decode_reference_image(data, ImageFormat.WEBP).shape == (256, 256, 3)


async def test_a_picture_that_fits_at_no_quality_has_the_lowest(page: Page) -> None:
    noise = np.random.default_rng(14).integers(0, 256, (256, 256, 3), np.uint8)
    found = await page.evaluate(_COMPRESS, {"images": [_picture(noise)], "limits": [1400]})
    [picture] = found
    assert picture["quality"] == 0
    assert _decibels(base64.b64decode(picture["data"]), "WEBP", noise) > 5


async def test_a_browser_without_webp_sends_jpeg(page: Page, portrait: MovedPortrait) -> None:
    image = portrait.render(0)
    await page.evaluate(
        """
        () => {
          const { prototype } = OffscreenCanvas;
          const whole = prototype.convertToBlob;
          prototype.convertToBlob = function (options) {
            const type = options.type === "image/webp" ? "image/png" : options.type;
            return whole.call(this, { ...options, type });
          };
          globalThis.allowWebp = () => { prototype.convertToBlob = whole; };
        }
        """
    )
    try:
        found = await page.evaluate(_COMPRESS, {"images": [_picture(image)], "limits": [3600]})
    finally:
        await page.evaluate("allowWebp()")
    [picture] = found
    data = base64.b64decode(picture["data"])
    assert picture["format"] == "jpeg"
    assert len(data) <= 3600
    assert _decibels(data, "JPEG", image) > 20


def _decibels(data: bytes, file_format: str, image: Image) -> float:
    """PSNR of what Pillow decodes."""
    with PillowImage.open(io.BytesIO(data), formats=[file_format]) as opened:
        assert opened.mode == "RGB"
        assert opened.size == (256, 256)
        error = np.mean((np.array(opened).astype(float) - image) ** 2)
    return float(10 * np.log10(255**2 / error))


async def test_qualities_are_searched_as_python_does(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Lengths in bytes at each quality, as real ones grow and as none does.
    lengths = {
        "usual": [round(500 * np.exp(0.03 * quality)) for quality in range(96)],
        "steep": [round(100 * np.exp(0.09 * quality)) for quality in range(96)],
        "flat": [2000] * 96,
        "tooLong": [9000] * 96,
        "step": [1000] * 20 + [3000] * 76,
        "falling": [4000 - 20 * quality for quality in range(96)],
    }
    limit, tried = 2600, []
    expected = {}
    for name, known in lengths.items():

        def compress(_image: object, _format: object, quality: int, known: Any = known) -> bytes:
            tried.append(quality)
            return bytes(known[quality])

        monkeypatch.setattr(reference_image, "_compress", compress)
        tried.clear()
        best = encode_reference_image(textured_image(32), limit)
        expected[name] = {"quality": best.quality, "tried": [*tried]}
        assert len(tried) <= 6
    found = await page.evaluate(
        """
        async ({ lengths, limit }) => {
          const { searchQuality } = await import("/send/reference_picture.js");
          const all = {};
          for (const [name, known] of Object.entries(lengths)) {
            const tried = [];
            const best = await searchQuality(async (quality) => {
              tried.push(quality);
              return { data: new Uint8Array(known[quality]), format: "webp", quality };
            }, limit);
            all[name] = { quality: best.quality, tried };
          }
          return all;
        }
        """,
        {"lengths": lengths, "limit": limit},
    )
    assert found == expected
    for name in ("usual", "steep"):
        assert 0.9 * limit < lengths[name][found[name]["quality"]] <= limit


async def test_pictures_are_sent_without_profiles_and_notes(
    page: Page, portrait: MovedPortrait
) -> None:
    image = PillowImage.fromarray(portrait.render(0))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    notes = PillowImage.Exif()
    notes[0x010E] = "a description"
    files = {}
    for name, options in (("WEBP", {}), ("JPEG", {"comment": b"a comment"})):
        plain, full = io.BytesIO(), io.BytesIO()
        image.save(plain, name, quality=40)
        image.save(full, name, quality=40, icc_profile=profile, exif=notes, **options)
        files[name] = (plain.getvalue(), full.getvalue())
    webp, jpeg = files["WEBP"], files["JPEG"]
    clear = io.BytesIO()
    image.convert("RGBA").resize((64, 64)).rotate(45).save(clear, "WEBP", quality=40)
    odd = [b"", b"RIFF", webp[1][:40], webp[1][:2000], jpeg[1][:500], clear.getvalue()]
    found = await page.evaluate(
        """
        async ({ webp, jpeg, odd }) => {
          const { bareJpeg, bareWebp } = await import("/send/reference_picture.js");
          return {
            webp: webp.map((file) => base64(bareWebp(bytes(file)))),
            jpeg: jpeg.map((file) => base64(bareJpeg(bytes(file)))),
            odd: odd.map(bytes).map((file) => base64(bareWebp(file))),
            oddJpeg: odd.map(bytes).map((file) => base64(bareJpeg(file))),
          };
        }
        """,
        {
            name: [base64.b64encode(data).decode() for data in each]
            for name, each in (("webp", webp), ("jpeg", jpeg), ("odd", odd))
        },
    )
    assert [base64.b64decode(text) for text in found["webp"]] == [webp[0]] * 2
    assert [base64.b64decode(text) for text in found["jpeg"]] == [jpeg[0]] * 2
    # What is no such file, or only the half of one, stays as it is.
    for name in ("odd", "oddJpeg"):
        assert [base64.b64decode(text) for text in found[name]] == odd


_FAKES = """
async () => {
  const { FaceAnalyser } = await import("/send/analysis.js");
  const { ByteBudget } = await import("/send/byte_budget.js");
  const mean = model.mean;
  // A face 100 px high, its middle at (x, y).
  globalThis.faceAt = (x, y) => {
    const points = Float32Array.from(mean, (value, i) => 30 * value + [x, y, 0][i % 3]);
    return { points, score: 0.95 };
  };
  class Call {
    faces = [];
    jobs = [];
    counts = {};
    timeMs = 1000;
    fits = [];
    resets = 0;
    constructor(budget = new ByteBudget()) {
      const frame = { width: 640, height: 480 };
      // Like a face, that no quality is far from what is usual.
      const data = new Uint8ClampedArray(4 * frame.width * frame.height);
      for (let i = 0; i < data.length; i += 4) {
        const bright = 90 + ((i * 2654435761) >>> 0) % 60;
        data.set([bright + 40, bright, bright - 20, 255], i);
      }
      this.frame = { ...frame, data };
      const parameters = (captureTime, points) => ({
        captureTime,
        expression: new Float32Array(28),
        camera: Float32Array.of(-1, 0, 0, 0, points[0], points[1], 0),
      });
      this.analyser = new FaceAnalyser({
        tracker: { track: async () => {
          if (this.faces instanceof Error) throw this.faces;
          return this.faces;
        } },
        fitter: {
          fit: (points, neutral, captureTime, previous) => {
            this.fits.push([neutral[0], previous !== null]);
            return parameters(captureTime, points);
          },
          fitReference: (points, captureTime) => ({
            identity: { coefficients: Float32Array.of(captureTime) },
            parameters: parameters(captureTime, points),
          }),
        },
        smoother: { update: (points) => points.slice(), reset: () => { this.resets += 1; } },
        model: {
          mean, expressionBasis: model.expressionBasis, vertexGroups: model.vertexGroups,
          neutral: ({ coefficients }) => Float32Array.from(mean).fill(coefficients[0], 0, 1),
        },
        identityAsReceived: (identity) => ({ ...identity, received: true }),
        parametersAsReceived: (given) => ({ ...given, received: true }),
        compress: (image, maxBytes) => new Promise((resolve, reject) => {
          this.jobs.push({ image, maxBytes, resolve, reject });
        }),
        budget,
        count: (name, increment = 1) => {
          this.counts[name] = (this.counts[name] ?? 0) + increment;
        },
      });
    }
    // The reference that is being compressed is ready.
    ready(length = 2000) {
      const { image, maxBytes, resolve } = this.jobs.pop();
      resolve({ data: new Uint8Array(length), format: "webp", quality: 50 });
      return [image.width, image.height, maxBytes];
    }
    async show(...faces) {
      this.faces = faces.length === 1 && faces[0] instanceof Error ? faces[0] : faces;
      this.timeMs += 40;
      return this.analyser.analyse(this.frame, this.timeMs, this.timeMs);
    }
    async showFor(milliseconds, ...faces) {
      let last;
      const references = [];
      for (const end = this.timeMs + milliseconds; this.timeMs < end;) {
        last = await this.show(...faces);
        if (last.reference !== null) references.push(last.reference);
      }
      return { ...last, references };
    }
    get sent() {
      return this.analyser.sentReferences().map((each) => [each.setId, each.referenceId]);
    }
  }
  globalThis.Call = Call;
  globalThis.told = ({ state, setId, crop, parameters, reference }) => ({
    state, setId, crop: crop && [crop.x, crop.y, crop.size], fitted: parameters !== null,
    reference: reference && [reference.setId, reference.referenceId],
  });
}
"""


@pytest_asyncio.fixture(loop_scope="module")
async def fakes(page: Page) -> Page:
    """The page, with analysers whose parts do as they are told."""
    await page.evaluate(_FAKES)
    return page


async def test_the_first_reference_is_sent_and_further_ones_once_it_is_held(fakes: Page) -> None:
    found = await fakes.evaluate(
        """
        async () => {
          const call = new Call();
          const steps = {};
          steps.nobody = told(await call.show());
          steps.resets = call.resets;
          steps.first = told(await call.show(faceAt(200, 200)));
          steps.waiting = told(await call.show(faceAt(200, 200)));
          steps.jobs = call.jobs.length;
          steps.noneYet = call.sent;
          steps.picture = call.ready();
          const done = await call.show(faceAt(200, 200));
          const { frameWidth, frameHeight, picture, identity, parameters } = done.reference;
          steps.reference = {
            frame: [frameWidth, frameHeight],
            bytes: picture.data.length,
            received: [identity.received, parameters.received],
            captureTime: parameters.captureTime,
          };
          steps.done = told(done);
          steps.once = told(await call.show(faceAt(200, 200)));
          // A second pose, far enough away to be worth a picture; not before the first is held.
          const there = [];
          for (let i = 0; i < 100; i++) {
            there.push(await call.show(faceAt(200 + (i % 50 < 25 ? 0 : 25), 200)));
          }
          steps.jobsUnheld = call.jobs.length;
          call.analyser.referenceHeld(0, 3);  // another one: says nothing about the first
          await call.showFor(400, faceAt(225, 200));
          steps.jobsOtherHeld = call.jobs.length;
          call.analyser.referenceHeld(0, 0);
          await call.showFor(400, faceAt(225, 200));
          steps.jobsHeld = call.jobs.length;
          steps.second = call.ready();
          const { references } = await call.showFor(2000, faceAt(225, 200));
          steps.further = references.map((each) => [each.setId, each.referenceId]);
          steps.sent = call.sent;
          steps.counts = call.counts;
          return steps;
        }
        """
    )
    nothing = {"setId": 0, "crop": None, "fitted": False, "reference": None}
    assert found["nobody"] == {"state": "lost", **nothing}
    assert found["resets"] == 1
    first = found["first"]
    assert (first["state"], first["setId"], first["reference"]) == ("tracked", 0, None)
    assert first["fitted"]
    assert found["waiting"] == first
    assert found["jobs"] == 1
    assert found["noneYet"] == []
    assert found["picture"] == [256, 256, 3600]
    assert found["done"] == {**first, "reference": [0, 0]}
    assert found["once"] == first
    assert found["reference"] == {
        "frame": [640, 480],
        "bytes": 2000,
        "received": [True, True],
        "captureTime": 1080,
    }
    assert found["jobsUnheld"] == found["jobsOtherHeld"] == 0
    assert found["jobsHeld"] == 1
    assert found["second"] == [256, 256, 2600]
    assert found["further"] == [[0, 1]]
    assert found["sent"] == [[0, 0], [0, 1]]
    assert found["counts"] == {"references_sent": 2, "reference_bytes": 4000}


async def test_a_crop_moves_once_the_other_side_holds_its_first_reference(fakes: Page) -> None:
    found = await fakes.evaluate(
        """
        async () => {
          const call = new Call();
          const steps = {};
          const [left, right] = [faceAt(200, 200), faceAt(480, 260)];
          await call.show(left);
          call.ready();
          await call.show(left);
          call.analyser.referenceHeld(0, 0);
          steps.before = told(await call.show(left));
          steps.early = told(await call.showFor(300, right));
          steps.jobsEarly = call.jobs.length;
          steps.moved = told(await call.showFor(600, right));
          steps.jobsMoved = call.jobs.length;
          steps.picture = call.ready();
          steps.sending = told(await call.show(right));
          steps.unheld = told(await call.showFor(3000, right));
          steps.jobsUnheld = call.jobs.length;
          steps.both = call.sent;
          const fits = call.fits.length;
          call.analyser.referenceHeld(0, 0);
          steps.oldHeld = told(await call.show(right));
          call.analyser.referenceHeld(1, 0);
          steps.held = told(await call.show(right));
          steps.next = told(await call.show(right));
          steps.fits = call.fits.slice(fits).map(([, follows]) => follows);
          steps.neutrals = new Set(call.fits.slice(fits).map(([neutral]) => neutral)).size;
          steps.after = call.sent;
          steps.crop_moves = call.counts.crop_moves;

          // One that never arrives is sent once more after half a minute, as another set.
          await call.showFor(1000, left);
          call.ready();
          steps.lostOnTheWay = (await call.show(left)).reference.setId;
          steps.patient = told(await call.showFor(20_000, left));
          call.timeMs += 10_000;
          await call.showFor(200, left);
          call.ready();
          steps.again = (await call.show(left)).reference.setId;
          steps.sentAgain = call.sent;
          call.analyser.referenceHeld(2, 0);  // late: that set is given up
          steps.late = told(await call.show(left));
          call.analyser.referenceHeld(3, 0);
          steps.arrived = told(await call.show(left));
          return steps;
        }
        """
    )
    before = found["before"]
    for name in ("early", "moved", "unheld", "oldHeld"):
        assert found[name] == before, name
    assert found["jobsEarly"] == 0
    assert found["jobsMoved"] == 1
    assert found["jobsUnheld"] == 0
    assert found["picture"] == [256, 256, 3600]
    assert found["sending"] == {**before, "reference": [1, 0]}
    assert found["both"] == [[0, 0], [1, 0]]
    held = found["held"]
    assert held["setId"] == 1
    assert held["crop"] != before["crop"]
    assert held["fitted"]
    assert found["next"] == held
    # The first fit in another crop starts afresh.
    assert found["fits"] == [True, False, True]
    assert found["neutrals"] == 2
    assert found["after"] == [[1, 0]]
    assert found["crop_moves"] == 1
    assert found["lostOnTheWay"] == 2
    assert found["patient"]["setId"] == 1
    assert found["again"] == 3
    assert found["sentAgain"] == [[1, 0], [3, 0]]
    assert found["late"]["setId"] == 1
    assert found["arrived"]["setId"] == 3


async def test_a_compression_that_fails_is_told_and_tried_again(fakes: Page) -> None:
    found = await fakes.evaluate(
        """
        async () => {
          const call = new Call();
          const steps = {};
          const face = faceAt(200, 200);
          const failing = async (...faces) => {
            try { await call.show(...faces); return null; } catch (error) { return String(error); }
          };
          await call.show(face);
          call.jobs.pop().reject(new Error("no memory"));
          steps.told = await failing(face);
          steps.sent = call.sent;
          steps.next = told(await call.show(face));
          steps.jobs = call.jobs.length;
          call.jobs.pop().reject(undefined);
          steps.toldNothing = await failing(face);
          await call.show(face);
          call.ready();
          steps.done = told(await call.show(face));
          steps.identity = call.analyser.sentReferences()[0].identity.coefficients[0];
          steps.fitted = call.fits.at(-1)[0];
          steps.tracker = await failing(new Error("no network"));
          steps.after = told(await call.show(face));

          // Of a set that follows: the one before goes on.
          call.analyser.referenceHeld(0, 0);
          await call.showFor(1000, faceAt(480, 260));
          call.jobs.pop().reject(new Error("again"));
          steps.second = await failing(faceAt(480, 260));
          steps.goesOn = told(await call.show(faceAt(480, 260)));
          call.ready();
          steps.secondDone = told(await call.show(faceAt(480, 260)));
          return steps;
        }
        """
    )
    assert found["told"] == "Error: no memory"
    assert found["sent"] == []
    assert found["next"]["fitted"]
    assert found["next"]["reference"] is None
    assert found["jobs"] == 1
    assert found["toldNothing"] == "Error: a reference could not be compressed"
    assert found["done"]["reference"] == [0, 0]
    # What is sent and what parameters are fitted to is the same identity.
    assert found["identity"] == found["fitted"]
    assert found["tracker"] == "Error: no network"
    assert found["after"]["fitted"]
    assert found["second"] == "Error: again"
    assert found["goesOn"]["setId"] == 0
    assert found["goesOn"]["fitted"]
    assert found["secondDone"]["reference"] == [1, 0]


async def test_an_empty_budget_defers_and_a_lost_face_still_sends(fakes: Page) -> None:
    found = await fakes.evaluate(
        """
        async () => {
          const { ByteBudget } = await import("/send/byte_budget.js");
          const budget = new ByteBudget();
          budget.spend(12_000, 0);
          const call = new Call(budget);
          const steps = {};
          steps.deferred = told(await call.showFor(400, faceAt(200, 200)));
          steps.jobs = call.jobs.length;
          steps.counted = call.counts.references_deferred > 0;
          call.timeMs = 60_000;
          steps.started = told(await call.show(faceAt(200, 200)));
          call.ready();
          steps.lost = told(await call.show());
          steps.gone = told(await call.showFor(500));
          steps.found = told(await call.show(faceAt(205, 200)));
          steps.several = told(await call.showFor(1400, faceAt(205, 200), faceAt(450, 200)));
          steps.back = told(await call.showFor(400, faceAt(205, 200)));
          return steps;
        }
        """
    )
    assert not found["deferred"]["fitted"]  # nobody could show what is fitted to no reference
    assert found["jobs"] == 0
    assert found["counted"]
    assert found["started"]["fitted"]
    assert found["lost"]["reference"] == [0, 0]
    assert (found["lost"]["state"], found["lost"]["fitted"]) == ("tracked", False)
    assert (found["gone"]["state"], found["gone"]["fitted"]) == ("lost", False)
    assert (found["found"]["state"], found["found"]["fitted"]) == ("lost", True)
    assert found["several"]["state"] == "several"
    assert found["back"]["state"] == "tracked"


class _LateExecutor(Executor):
    """Does its work when told."""

    def __init__(self) -> None:
        self._waiting: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._waiting.append(lambda: future.set_result(fn(*args, **kwargs)))
        return future

    def work(self) -> None:
        while self._waiting:
            self._waiting.pop(0)()


class _GivenFaces(FaceTracker):
    """Sees what it is told."""

    def __init__(self) -> None:
        self.faces: tuple[Landmarks, ...] = ()

    def track(self, image: Image) -> tuple[Landmarks, ...]:
        return self.faces


_ANALYSE = """
async ({ images, which, trace, present, scores, frameMs, delay, length }) => {
  const { FaceAnalyser } = await import("/send/analysis.js");
  const { FaceFitter } = await import("/face/fitting.js");
  const { LandmarkSmoother } = await import("/face/smoothing.js");
  const { identityAsReceived } = await import("/wire/identity_message.js");
  const { parametersAsReceived } = await import("/wire/reference_parameters.js");
  const { fromWire, toWire } = await import("/send/wire_parameters.js");
  const pictures = images.map(picture);
  let faces = [];
  const counts = {};
  const analyser = new FaceAnalyser({
    tracker: { track: async () => faces },
    fitter: new FaceFitter(model),
    smoother: new LandmarkSmoother(),
    model,
    identityAsReceived,
    parametersAsReceived: (given) => fromWire(parametersAsReceived(toWire(given))),
    compress: async () => ({ data: new Uint8Array(length), format: "webp", quality: 50 }),
    count: (name, increment = 1) => { counts[name] = (counts[name] ?? 0) + increment; },
  });
  const held = [], frames = [];
  for (const [i, points] of rows(trace, 478 * 3).entries()) {
    while (held.length > 0 && held[0][0] <= i) analyser.referenceHeld(...held.shift().slice(1));
    faces = present[i] ? [{ points, score: scores[i] }] : [];
    const timeMs = i * frameMs;
    const { state, setId, crop, parameters, reference } =
      await analyser.analyse(pictures[which[i]], timeMs * 90, timeMs);
    if (reference !== null) held.push([i + delay, reference.setId, reference.referenceId]);
    frames.push({
      state, setId,
      crop: crop && [crop.x, crop.y, crop.size],
      vector: parameters && [...parameters.expression, ...parameters.camera],
      reference: reference && [
        reference.setId, reference.referenceId, reference.parameters.captureTime,
        ...reference.parameters.expression, ...reference.parameters.camera,
      ],
    });
  }
  const sent = analyser.sentReferences().map((each) => [each.setId, each.referenceId]);
  return { frames, sent, counts };
}
"""


async def test_a_whole_call_is_analysed_as_python_does(
    page: Page, portrait: MovedPortrait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tracked faces in, parameters and references out; only compression takes the same bytes."""
    length, delay, count = 400, 12, 450
    image = np.zeros((CROP_SIZE, CROP_SIZE, 3), np.uint8)
    encoded = EncodedImage(bytes(length), ImageFormat.WEBP, 50)
    monkeypatch.setattr(reference_encoder, "_compress", lambda *_: (encoded, image))
    small = [portrait.render(index)[::2, ::2] for index in (0, 80)]
    places = [(20, 40), (170, 90)]
    images = [_on_canvas(each, *place, width=320, height=240) for place in places for each in small]
    tracker = FaceTracker(max_faces=1)
    [face] = tracker.track(portrait.render(0))
    # The recorded motion on a face that sits where the pictures show one.
    whole = Crop(0.0, 0.0, float(CROP_SIZE))
    rest = _landmarks(portrait.parameters(0), whole)
    which, trace = [], []
    for index in range(count):
        side = index // 150 % 2
        which.append(2 * side + index // 10 % 2)
        moved = _landmarks(portrait.parameters(index % portrait.frame_count), whole) - rest
        points = (face.points + moved) / 2
        points[:, :2] += places[side]
        trace.append(points.astype(np.float32))
    present = [not 250 <= index < 270 and index != 90 for index in range(count)]
    scores = np.random.default_rng(15).uniform(0.8, 1.0, count).tolist()
    executor, given = _LateExecutor(), _GivenFaces()
    analyser = FaceAnalyser(MODEL, given, executor=executor)
    found = await page.evaluate(
        _ANALYSE,
        {
            "images": [_picture(each) for each in images],
            "which": which,
            "trace": _base64(np.stack(trace)),
            "present": present,
            "scores": scores,
            "frameMs": FRAME_MS,
            "delay": delay,
            "length": length,
        },
    )
    held: list[tuple[int, int, int]] = []
    sent = []
    for index, seen in enumerate(found["frames"]):
        while held and held[0][0] <= index:
            analyser.reference_held(*held.pop(0)[1:])
        is_there = present[index]
        given.faces = (Landmarks(trace[index], scores[index]),) if is_there else ()
        executor.work()
        time_ms = index * FRAME_MS
        expected = analyser.analyse(images[which[index]], time_ms * 90, time_ms * 1_000_000)
        crop = None if expected.crop is None else list(astuple(expected.crop))
        assert (seen["state"], seen["setId"], seen["crop"]) == (
            expected.state.value,
            expected.set_id,
            crop,
        ), index
        assert (seen["vector"] is None) == (expected.parameters is None), index
        if expected.parameters is not None:
            np.testing.assert_allclose(seen["vector"], expected.parameters.vector, atol=2e-3)
        assert (seen["reference"] is None) == (expected.reference is None), index
        if expected.reference is not None:
            reference = expected.reference.reference
            set_id, reference_id, capture_time, *vector = seen["reference"]
            assert (set_id, reference_id) == (reference.set_id, reference.reference_id)
            assert capture_time == reference.parameters.capture_time
            np.testing.assert_allclose(vector, reference.parameters.vector, atol=4e-3)
            held.append((index + delay, set_id, reference_id))
            sent.append((set_id, reference_id))
    assert {set_id for set_id, _ in sent} == {0, 1, 2}
    assert len(sent) > 4
    assert found["sent"] == [
        [each.reference.set_id, each.reference.reference_id] for each in analyser.sent_references()
    ]
    assert found["counts"]["references_sent"] == len(sent)
    assert found["counts"]["crop_moves"] == 2
