"""Measurements, side by side in one run. Machines differ and are noisy, so what counts is a ratio, never a time."""
