"""How good the alarm engine is, and three rivals on the same data: `cranewatch score`."""
