"""Simulated black boxes and site sensors: real load charts, real physics, and journals that forget only on receipt."""
