"""
The load on the rope: it is picked up with a jerk, it swings, it is set down.

Pick-up (domain reference 5.2): the force rises within 0.5-1.5 s, overshoots by 10-30 % and rings at 1-3 Hz until the
damping of 0.3-1.0 s has taken it. Swinging: a spherical pendulum for small angles, two independent planes,
`a = -g/L a - acceleration of the trolley / L`, period `2 pi sqrt(L / g)`; the rope force is `m (g cos a + L w^2)`.
"""

import math
from dataclasses import dataclass

G = 9.81
SWING_DAMPING = 0.05  # of critical: air, sheaves, and an operator who follows the load to catch its swing (assumed)


@dataclass(frozen=True, slots=True)
class PickUp:
    """How one load comes off the ground."""

    rise_s: float = 1.0
    overshoot: float = 0.15
    ring_hz: float = 2.0
    decay_s: float = 0.5

    def factor(self, t: float) -> float:
        """Force over weight, t seconds after the rope went taut."""
        if t <= 0:
            return 0.0
        if t < self.rise_s:
            return (1 + self.overshoot) * t / self.rise_s
        t -= self.rise_s
        return 1 + self.overshoot * math.exp(-t / self.decay_s) * math.cos(2 * math.pi * self.ring_hz * t)


class Pendulum:
    """The hook and its load below the trolley: two swing angles in rad, along the jib and across it."""

    def __init__(self) -> None:
        self.along = 0.0
        self.across = 0.0
        self._along_speed = 0.0
        self._across_speed = 0.0

    def settle(self) -> None:
        """The load stands on the ground and the hook hangs still above it."""
        self.along = self.across = self._along_speed = self._across_speed = 0.0

    def step(self, dt: float, length_m: float, along_mps2: float, across_mps2: float) -> None:
        """
        Swing on for dt seconds under a trolley that accelerates; semi-implicit Euler.

        The step itself adds and takes no energy as long as dt is far below the period, 2.8 s on the shortest rope.
        """
        length = max(length_m, 2.0)
        omega2 = G / length
        damping = 2 * SWING_DAMPING * math.sqrt(omega2)
        self._along_speed += (-omega2 * self.along - damping * self._along_speed - along_mps2 / length) * dt
        self._across_speed += (-omega2 * self.across - damping * self._across_speed - across_mps2 / length) * dt
        self.along += self._along_speed * dt
        self.across += self._across_speed * dt

    def tension(self, length_m: float) -> float:
        """Rope force over weight: below one at the ends of the swing, above one in its middle."""
        angle2 = self.along**2 + self.across**2
        speed2 = self._along_speed**2 + self._across_speed**2
        return (1 - angle2 / 2) + max(length_m, 2.0) * speed2 / G
