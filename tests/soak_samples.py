"""A made-up soak."""

import numpy as np

from benchmarks.soak_sample import ProcessSample, SoakSample


def soak_samples(
    *, minutes: float, receiver_mb_per_hour: float = 0.0, late_threads: int = 10
) -> list[SoakSample]:
    """A sample each 5 s with noise of 0.1 MB; threads become `late_threads` in the last third."""
    random = np.random.default_rng(1)
    count = round(minutes * 12)
    samples = []
    for number in range(1, count + 1):
        seconds = 5.0 * number
        noise = float(random.normal()) * 0.1
        receiver = ProcessSample(
            resident_mb=400 + receiver_mb_per_hour * seconds / 3600 + noise,
            own_mb=None,
            threads=late_threads if number > count * 2 / 3 else 10,
            open_files=15,
            cores=0.7,
        )
        sender = ProcessSample(300 + noise, 150 + noise, 13, None, 0.3)
        samples.append(SoakSample(seconds, receiver, sender, 25.0, 0.5, 36.0, 33.0, 30.0))
    return samples
