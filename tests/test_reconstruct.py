import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.__main__ import app
from benchmarks.clip import Clip
from benchmarks.driving import DrivingFrame, PolicySource
from benchmarks.picture_metrics import peak_signal_to_noise
from benchmarks.reconstruct import reconstruct
from shared.errors import ArtifactError, ConfigError
from shared.face_model import FaceModel
from shared.face_renderer import FaceRenderer
from shared.generator import load_generator
from shared.metrics import Metrics
from shared.tracker import FaceTracker
from tests.portrait_clip import write_portrait_clip


def rebuild(*arguments: object) -> dict[str, object]:
    """Run the command; its report."""
    output = Path(str(arguments[1]))
    report = output.with_suffix(".json")
    texts = ["reconstruct", *map(str, arguments), "--json", str(report)]
    result = CliRunner().invoke(app, texts)
    if result.exception is not None:
        raise result.exception
    loaded: dict[str, object] = json.loads(report.read_text())
    return loaded


def pictures(path: Path) -> list[tuple[float, np.ndarray]]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return [
            (float(frame.time or 0), frame.to_ndarray(format="rgb24"))
            for frame in container.decode(stream)
        ]


def sound(path: Path) -> list[bytes]:
    with av.open(str(path)) as container:
        packets = container.demux(container.streams.audio[0])
        return [bytes(packet) for packet in packets if packet.dts is not None]


def test_frame_for_frame_with_times_and_sound(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=20, sound=True)
    report = rebuild(clip, tmp_path / "out.mp4")
    before, after = pictures(clip), pictures(tmp_path / "out.mp4")
    assert [time for time, _ in after] == pytest.approx([time for time, _ in before], abs=1e-3)
    assert {image.shape for _, image in after} == {(256, 256, 3)}
    assert sound(tmp_path / "out.mp4") == sound(clip)
    assert report["frames_out"] == report["frames_in"] == 20
    assert report["crop"] == "whole picture"
    assert 5 < float(str(report["parameter_bytes_per_frame"])) < 60
    values = [peak_signal_to_noise(after[i][1], before[i][1]) for i in range(len(before))]
    assert min(values) > 20
    tracker = FaceTracker()
    (truth,), (rebuilt,) = tracker.track(before[-1][1]), tracker.track(after[-1][1])
    assert np.linalg.norm((truth.points - rebuilt.points)[:, :2], axis=1).mean() < 2.0


def test_a_told_reference_and_lossless_parameters(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4")
    report = rebuild(clip, tmp_path / "out.mp4", "--reference", 5, "--lossless-parameters")
    assert report["references"] == "frames 5"
    assert report["references_used"] == 1
    assert report["parameter_bytes_per_frame"] == 0
    truth, rebuilt = pictures(clip)[5][1], pictures(tmp_path / "out.mp4")[5][1]
    assert peak_signal_to_noise(rebuilt, truth) > 28  # the reference itself, compressed


def test_several_references_chosen_from_the_whole_clip(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4")
    report = rebuild(clip, tmp_path / "out.mp4", "--references", 3)
    assert report["references_used"] == 3
    assert str(report["references"]).count(",") == 2


def test_frames_without_a_face_repeat_and_the_length_stays(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=16, blank=range(4))
    report = rebuild(clip, tmp_path / "out.mp4")
    after = pictures(tmp_path / "out.mp4")
    assert len(after) == 16
    assert int(str(report["frames_repeated"])) >= 4
    for index in range(3):
        assert peak_signal_to_noise(after[index][1], after[index + 1][1]) > 40


def test_another_size_is_cropped_and_said(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", padding=144)
    report = rebuild(clip, tmp_path / "out.mp4")
    assert str(report["crop"]).startswith("crop of ")
    assert str(report["crop"]).endswith(" of 400 x 256")
    assert {image.shape for _, image in pictures(tmp_path / "out.mp4")} == {(256, 256, 3)}


def test_no_face(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=5, blank=range(5))
    for extra in ((), ("--references", 1)):
        with pytest.raises(ArtifactError, match="no face in 5 frames, one is needed"):
            rebuild(clip, tmp_path / "out.mp4", *extra)
    assert not (tmp_path / "out.mp4").exists()


def test_a_reference_that_is_not_there(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=5, blank=range(4, 5))
    with pytest.raises(ArtifactError, match=r"reference 9, frames 0\.\.4$"):
        rebuild(clip, tmp_path / "out.mp4", "--reference", 9)
    with pytest.raises(ArtifactError, match="no face in reference frame 4"):
        rebuild(clip, tmp_path / "out.mp4", "--reference", 4)
    with pytest.raises(ConfigError):
        rebuild(clip, tmp_path / "out.mp4", "--reference", 0, "--references", 2)


def test_files_that_are_no_clip(tmp_path: Path) -> None:
    noise = tmp_path / "noise.mp4"
    noise.write_bytes(b"no video at all" * 100)
    whole = write_portrait_clip(tmp_path / "whole.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    for path in (noise, cut, tmp_path / "missing.mp4", tmp_path):
        with pytest.raises(ArtifactError) as caught:
            rebuild(path, tmp_path / "out.mp4")
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)


def test_a_run_that_fails_leaves_what_was_there(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=6)
    output = tmp_path / "out.mp4"
    output.write_bytes(b"of an earlier run")

    class Broken(PolicySource):
        def play(self) -> Iterator[DrivingFrame]:
            yield from islice(super().play(), 4)
            raise ArtifactError("broken")

    model, metrics = FaceModel.load(), Metrics()
    renderer = FaceRenderer(model, load_generator("warp"), metrics)
    with pytest.raises(ArtifactError, match="broken"):
        reconstruct(Clip.open(clip), output, Broken(Clip.open(clip), model), renderer, metrics)
    assert output.read_bytes() == b"of an earlier run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mp4", "out.mp4"]


def test_outputs_that_cannot_be_written(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=3)
    (tmp_path / "folder").mkdir()
    for wrong in (tmp_path / "folder", clip / "out.mp4"):
        with pytest.raises(ArtifactError, match="a file to write is expected"):
            rebuild_plainly(clip, wrong)


def rebuild_plainly(clip: Path, output: Path) -> None:
    """The command without a report."""
    result = CliRunner().invoke(app, ["reconstruct", str(clip), str(output)])
    if result.exception is not None:
        raise result.exception


def test_the_input_is_never_written_over(tmp_path: Path) -> None:
    clip = write_portrait_clip(tmp_path / "in.mp4", frames=5)
    content = clip.read_bytes()
    with pytest.raises(ConfigError, match="is the input, another file to write is expected"):
        rebuild(clip, tmp_path / "in.mp4")
    assert clip.read_bytes() == content


def test_clip_facts(tmp_path: Path) -> None:
    clip = Clip.open(write_portrait_clip(tmp_path / "in.mp4", frames=4, rate=20, sound=True))
    assert clip.rate == 20
    assert clip.has_audio
    frames = list(clip.frames())
    assert [frame.index for frame in frames] == [0, 1, 2, 3]
    assert [frame.time_ns for frame in frames] == [0, 50_000_000, 100_000_000, 150_000_000]
