"""Rubbish of all kinds: properties of everything that takes bytes from outside, for Hypothesis and for atheris."""
