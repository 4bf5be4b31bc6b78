"""All clips through all contenders, in parallel processes."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass

from benchmarks.classic_codec import Codec, missing
from benchmarks.classic_codec_run import gathered_by_clip
from benchmarks.clip_workers import clip_workers
from benchmarks.coded_clip import CodecSetting
from benchmarks.rate_distortion_jobs import ClipJob, CodedPoint, RebuiltClip, code, rebuild
from shared.errors import ArtifactError


@dataclass(frozen=True, slots=True, eq=False)
class PictureRun:
    """What one run found, by name of the clip."""

    generators: tuple[str, ...]
    rebuilt: dict[str, RebuiltClip]
    coded: dict[Codec, dict[str, dict[int, CodedPoint | None]]]
    """By codec, clip and wire rate; a codec that is lacking has no clips."""

    why: dict[str, str]
    """By contender: what is lacking, or failed with single clips."""


def run_pictures(
    jobs: Sequence[ClipJob],
    generators: Sequence[str],
    wire_rates_bps: Sequence[int],
    *,
    earlier: PictureRun | None,
    on_done: Callable[[float], None],
) -> PictureRun:
    """A clip or codec that fails is named in the result, and the others go on.

    `earlier`: a run whose choices of quantizer, size and rate of pictures are taken over.
    `on_done` hears which share is over. Raises ArtifactError when no clip can be rebuilt.
    """
    why = {codec.value: found for codec in Codec if (found := missing(codec)) is not None}
    codecs = [codec for codec in Codec if codec.value not in why]
    total, done = len(jobs) * (1 + len(codecs)), 0

    def wait(futures: Sequence[Future]) -> None:
        nonlocal done
        for _ in as_completed(futures):
            done += 1
            on_done(min(done / total, 1.0))

    with clip_workers() as pool:
        own = {job.path: pool.submit(rebuild, job, tuple(generators)) for job in jobs}
        wait(list(own.values()))
        rebuilt, failed = gathered_by_clip(own)
        if failed is not None:
            why["Kilocall"] = failed
        if not rebuilt:
            raise ArtifactError(f"no clip that can be rebuilt: {failed}")
        # Instants are those that Kilocall shows: codecs have to wait for them.
        coding = {
            codec: {
                job.path: pool.submit(
                    code,
                    job,
                    codec,
                    tuple(wire_rates_bps),
                    rebuilt[job.path.stem].instants,
                    _chosen(earlier, codec, job.path.stem),
                )
                for job in jobs
                if job.path.stem in rebuilt
            }
            for codec in codecs
        }
        wait([future for of_codec in coding.values() for future in of_codec.values()])
    coded: dict[Codec, dict[str, dict[int, CodedPoint | None]]] = {codec: {} for codec in Codec}
    for codec in codecs:
        coded[codec], failed = gathered_by_clip(coding[codec])
        if failed is not None:
            why[codec.value] = failed
    return PictureRun(tuple(generators), rebuilt, coded, why)


def _chosen(
    earlier: PictureRun | None, codec: Codec, clip: str
) -> dict[int, CodecSetting | None] | None:
    if earlier is None or clip not in earlier.coded[codec]:
        return None
    points = earlier.coded[codec][clip]
    return {rate: None if point is None else point.setting for rate, point in points.items()}
