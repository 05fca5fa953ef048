"""One drive: it accelerates, travels and stops on its target, like a crane's hoist, trolley or slewing gear."""

import math


class Drive:
    """Position and speed along one axis, moved by a trapezoidal speed profile. Units are the caller's."""

    def __init__(self, position: float, top_speed: float, acceleration: float) -> None:
        self.position = position
        self.speed = 0.0
        self.target = position
        self.top_speed = top_speed
        self.acceleration = acceleration
        self.force = 0.0  # the acceleration of the last step: what swings the load

    @property
    def arrived(self) -> bool:
        """Whether it stands on its target."""
        return self.position == self.target and self.speed == 0.0

    def step(self, dt: float) -> None:
        """Move on by dt seconds."""
        gap = self.target - self.position
        reach = self.acceleration * dt
        if abs(gap) <= reach * dt and abs(self.speed) <= 2 * reach:
            self.force = -self.speed / dt
            self.position, self.speed = self.target, 0.0
            return
        # The speed from which it still stops in time, less the way of this step.
        way = max(0.0, abs(gap) - abs(self.speed) * dt / 2)
        wanted = math.copysign(min(self.top_speed, math.sqrt(2 * self.acceleration * way)), gap)
        change = max(-reach, min(reach, wanted - self.speed))
        before = self.position
        self.speed += change
        self.position += self.speed * dt
        self.force = change / dt
        if (self.target - self.position) * (self.target - before) < 0 and abs(self.speed) <= 4 * reach:
            self.position, self.speed = self.target, 0.0

    def halt(self) -> None:
        """Stop as fast as the brake allows, and stay: the target becomes the place where it stops."""
        stop = self.position + self.speed * abs(self.speed) / (2 * self.acceleration)
        # Said again while it brakes, it must not move the place a little further each time.
        if (self.target - stop) * self.speed > 0 or self.speed == 0:
            self.target = stop
