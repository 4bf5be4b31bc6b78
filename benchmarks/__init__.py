"""Commands that measure; `python -m benchmarks --help` lists them."""
