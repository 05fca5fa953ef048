"""
The mast as a cantilever: the moment at its head bends it, and an inclinometer fixed to the mast reads the tilt.

Head rotation is `M H / (E I)` (domain reference 5.4). The moment is what the load turns less what the counterweight
turns the other way, so an empty crane leans backwards and the tilt along the jib passes through zero as it loads. In
the frame of the mast it turns with the slew: `x = c_x + a cos(slew)`, `y = c_y + a sin(slew)`; the centre
`c` is how far the mast is out of plumb. The first mode is slow (below 0.5 Hz) and hardly damped.
"""

import math

from simulators.rope import G
from simulators.site import Mast

# The drag of mast, jib and ballast, as head rotation: 0.02 degrees at 10 m/s, with the square of the speed (assumed).
DRAG_DEG = 0.02 / 10.0**2


class Tilt:
    """The tilt of one mast, as its inclinometer would read it without noise."""

    def __init__(self, mast: Mast) -> None:
        self._mast = mast
        self._omega = 2 * math.pi * mast.frequency_hz
        self.lean_deg = self.still(0.0, 0.0)
        self._speed = 0.0

    def still(self, load_t: float, radius_m: float) -> float:
        """The lean along the jib in degrees once it no longer rings; forwards is positive."""
        moment_nm = load_t * 1000 * G * radius_m - self._mast.counter_knm * 1000
        return math.degrees(moment_nm * self._mast.free_m / self._mast.stiffness_nm2)

    def step(self, dt: float, load_t: float, radius_m: float) -> None:
        """Bend and ring on for dt seconds; semi-implicit Euler."""
        pull = self._omega**2 * (self.still(load_t, radius_m) - self.lean_deg)
        self._speed += (pull - 2 * self._mast.damping * self._omega * self._speed) * dt
        self.lean_deg += self._speed * dt

    def read(self, slew_deg: float, wind_mps: float, wind_deg: float) -> tuple[float, float]:
        """Tilt (x, y) in degrees, x along the jib's zero, which is taken as east; the wind pushes to its lee."""
        slew = math.radians(slew_deg)
        away = math.radians(270.0 - wind_deg)  # a compass bearing it comes from, as a mathematical angle it goes to
        push = DRAG_DEG * wind_mps**2
        return (
            self._mast.plumb_x_deg + self.lean_deg * math.cos(slew) + push * math.cos(away),
            self._mast.plumb_y_deg + self.lean_deg * math.sin(slew) + push * math.sin(away),
        )
