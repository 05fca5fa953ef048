"""Labelled scenarios: what happens to a crane or a bay, and the truth about it, for scoring an alarm engine."""
