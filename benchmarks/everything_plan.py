"""What `benchmarks all` runs, in this order, and how."""

from dataclasses import dataclass
from pathlib import Path

from shared.shipped_generators import default_generator

PLOT = "--plot"
"""The option that needs matplotlib."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One sub-command."""

    name: str
    about: str
    """A sentence for the reader of the page."""

    options: tuple[str, ...] = ()
    data_option: str | None = None
    """Where it takes the clips; None: it needs none."""

    video_option: str | None = None
    """Where it takes a film, if there is one."""

    picture_options: tuple[str, ...] = ()
    """Each takes a PNG."""

    quick_options: tuple[str, ...] = ()
    """With --quick, further ones."""

    @property
    def file_name(self) -> str:
        return self.name.replace("-", "_")

    @property
    def needs(self) -> str:
        """What lacks where `arguments` is None."""
        return "it needs --data, a folder of clips of faces"

    def arguments(self, data: Path | None, video: Path | None, *, quick: bool) -> list[str] | None:
        """None where it cannot be run without clips."""
        asked = list(self.options)
        if self.data_option is not None:
            if data is None:
                return None
            asked += [self.data_option, str(data)]
        if self.video_option is not None and video is not None:
            asked += [self.video_option, str(video)]
        return [*asked, "--quick", *self.quick_options] if quick else asked

    def picture_arguments(self, folder: Path, *, can_plot: bool) -> list[str]:
        """Options and files by turns; `can_plot`: matplotlib is there."""
        return [
            part
            for option in self.picture_options
            if can_plot or option != PLOT
            for part in (option, str(folder / f"{self.file_name}{option.replace('-', '_')}.png"))
        ]


BENCHMARKS = (
    Benchmark(
        "rate-distortion",
        "What the same clips cost and look like in the codecs of today's calls: at which wire "
        "rate each reaches our picture, by each measure. Where we lose, it says so.",
        data_option="--data",
        picture_options=(PLOT, "--contact-sheet"),
    ),
    Benchmark(
        "quality",
        "How like the rebuilt pictures are to the true ones: still, warp and the shipped "
        "generator side by side on the same frames.",
        options=("--bundle", default_generator()),
        data_option="--data",
        picture_options=("--contact-sheet",),
    ),
    Benchmark(
        "latency",
        "From a frame's capture to the player's decoded picture, stage by stage, checked by "
        "steps of mouth and head that the tracker finds again at the player.",
        picture_options=(PLOT,),
    ),
    Benchmark(
        "calls",
        "Whole calls between processes of this machine: bytes on the wire, latency, agreement.",
        video_option="--video",
    ),
    Benchmark(
        "wire",
        "Calls over an emulated link with loss, delay and thin rates.",
        options=("--no-codecs",),
        data_option="--data",
        picture_options=(PLOT,),
    ),
    Benchmark(
        "scale",
        "How many calls one receiver carries on this machine until a frame takes over 40 ms.",
        picture_options=(PLOT,),
    ),
    Benchmark(
        "soak",
        "One long call: memory, threads, file handles.",
        picture_options=(PLOT,),
    ),
    Benchmark("tracking", "How well and how fast faces are followed.", data_option="--data"),
    Benchmark("codec", "Bytes and error of the parameter codec.", data_option="--data"),
    Benchmark("browser", "What a call costs the page that sends it."),
    Benchmark(
        "gpu",
        "Generators on a GPU, by network, precision, batch and back end, beside the hardware's "
        "limit.",
        picture_options=(PLOT,),
    ),
)
