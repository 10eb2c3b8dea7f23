"""Benchmarks: ratios against the raw driver doing the same in the same run. `make bench`."""
