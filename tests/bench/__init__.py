"""Benchmarks: Confab's container beside what people use today, in one run on one machine."""
