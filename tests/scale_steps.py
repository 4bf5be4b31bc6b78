"""Made-up scores of calls through one receiver."""

from benchmarks.scale_scores import StepScores
from benchmarks.wire_scores import Percentiles


def step(
    calls: int, *, p95: float = 20.0, pictures: float = 25.0, cores: float = 0.2
) -> StepScores:
    """So many calls in steady state, 4 MB each."""
    return StepScores(
        calls=calls,
        late_ms=Percentiles(10.0, p95, p95 + 5),
        pictures_hz=pictures,
        fps=25.0,
        dropped_hz=0.0,
        render_ms=5.0,
        receiver_cores=cores,
        load_cores=0.1,
        memory_mb=280.0 + 4 * calls,
    )
