"""
How often the trends of formwork speak where nothing is, and how soon where something is. Seeded; no clock is read.

`make bench ARGS=trends`: time to limit over noise that is and is not independent, a warm day and a normal pour, by the
window's own points; drift over months of quiet days, in runs to the first false alarm.
"""

from functools import partial
from typing import Any, Final

import numpy as np

from analytics import trends
from analytics.detectors.drift import CHANNELS, HOURS, LEAST_HOURS, Drift, _judge
from analytics.formwork import POINTS, RECENT
from analytics.table import Array, Table

SEED: Final = 20
STEP_S: Final = 30.0
LIMIT_MM: Final = 8.0
SOON_S: Final = 1200.0
RISE: Final = 0.1  # of the limit
POINTS_LEAST: Final = 10
Z: Final = 1.96
CLEARS: Final = 3
FIGURES: Final = np.array([3.0, 0.2, 0.01, 8.0])


def alike(noise: np.random.Generator, n: int, share: float, spread: float) -> Array:
    """Noise of this spread whose points resemble their neighbours by `share`."""
    shock = noise.normal(0.0, spread * np.sqrt(1.0 - share * share), n)
    shock[0] = noise.normal(0.0, spread)
    found = np.empty(n)
    found[0] = shock[0]
    for k in range(1, n):
        found[k] = share * found[k - 1] + shock[k]
    return found


def judged(y: Array, k: int) -> float | None:
    """At reading k: seconds to the limit as the rule takes them, inf where nothing rises; None without an answer."""

    def over(points: int) -> trends.Trend | trends.Refused:
        part = y[max(0, k - points) : k]
        t = (np.arange(len(part)) - len(part) + 0.5) * STEP_S
        return trends.trend(t, part, least=POINTS_LEAST, z=Z)

    found = trends.sooner(over(POINTS), over(RECENT), LIMIT_MM)
    if not isinstance(found, trends.Trend):
        return None
    return found.middle_s(LIMIT_MM) if found.low > 0 and found.rise >= RISE * LIMIT_MM else np.inf


def time_to_limit(series: Any, days: int) -> dict[str, float]:
    """
    Episodes a post-day of "limit within 20 min", and how many had one; `series` gives one post-day.

    As the rule does: set at 20 min, cleared after three readings beyond 30 min or without a rise.
    """
    noise = np.random.default_rng(SEED)
    episodes = touched = asked = answered = 0
    for _ in range(days):
        y = np.round(series(noise), 1)
        on, quiet, before = False, 0, episodes
        for k in range(POINTS_LEAST, len(y) + 1):
            left = judged(y, k)
            asked += 1
            answered += left is not None
            left = np.inf if left is None else left
            quiet = quiet + 1 if left > 1.5 * SOON_S else 0
            if not on and left <= SOON_S:
                on, episodes = True, episodes + 1
            elif on and quiet >= CLEARS:
                on = False
        touched += episodes > before
    return {
        "post_days": days, "trend_share_of_readings": round(answered / asked, 4),
        "within_20_min_episodes": episodes, "of_post_days": touched,
    }  # fmt: skip


def _flat(noise: np.random.Generator, n: int, share: float, spread: float) -> Array:
    return 2.0 + alike(noise, n, share, spread)


def _warm(noise: np.random.Generator, n: int, swing_mm: float) -> Array:
    t = np.arange(n) * STEP_S / 86_400.0
    return 2.0 + swing_mm / 2 * np.sin(2 * np.pi * t) + alike(noise, n, 0.3, 0.05)


def _poured(noise: np.random.Generator, n: int, settle_mm: float) -> Array:
    age = np.maximum(np.arange(n) * STEP_S - 900.0, 0.0)
    return settle_mm * (1.0 - np.exp(-age / 600.0)) + alike(noise, n, 0.3, 0.05)


def quiet_days(
    noise: np.random.Generator, days: int, swing: float, weather: float, share: float, spread: float
) -> Array:
    """Means of hours, (days, HOURS): a daily swing that the weather scales and shifts, days alike by `share`."""
    hour = np.arange(HOURS)
    shape = np.sin(2 * np.pi * (hour - 9) / 24)
    sun = 1.0 + alike(noise, days, share, 0.3)
    shift = alike(noise, days, share, weather)
    return swing / 2 * sun[:, None] * shape + shift[:, None] + noise.normal(0.0, spread, (days, HOURS))


def run_length(noise: np.random.Generator, most: int, drift_a_day: float = 0.0, **kind: float) -> int:
    """Days to the first drift alarm of a settlement gauge, at most `most`; a drift begins after ten quiet days."""
    table = Table(Drift.fields)
    row = table.add()
    hours = quiet_days(noise, most, **kind) + drift_a_day * np.maximum(np.arange(most) - 10, 0)[:, None]
    today = np.full((HOURS, len(CHANNELS)), np.nan)
    for day in range(most):
        today[:, 0] = hours[day]
        _judge(table, row, today, FIGURES)
        if table["drift"][row] >= FIGURES[3]:
            return day + 1
    return most


def drift(posts: int, most: int, **kind: float) -> dict[str, float]:
    """Alarms over all quiet days, as days to one; each post is watched for `most` days or to its first alarm."""
    noise = np.random.default_rng(SEED)
    runs = np.array([run_length(noise, most, **kind) for _ in range(posts)])
    alarms = int((runs < most).sum())
    return {
        "posts": posts, "days_watched": int(runs.sum()), "alarms": alarms,
        "days_to_an_alarm": round(float(runs.sum()) / max(1, alarms)), "median_run_days": float(np.median(runs)),
    }  # fmt: skip


def measure(days: int = 6, posts: int = 40) -> dict[str, Any]:
    """All figures."""
    day, pour = round(86_400 / STEP_S), round(5_400 / STEP_S)
    quiet = {"swing": 1.0, "weather": 0.1, "share": 0.3, "spread": 0.05}
    return {
        "seed": SEED,
        "least_hours": LEAST_HOURS,
        "white_0.05_mm": time_to_limit(partial(_flat, n=day, share=0.0, spread=0.05), days),
        "alike_0.6_0.05_mm": time_to_limit(partial(_flat, n=day, share=0.6, spread=0.05), days),
        "alike_0.6_0.3_mm": time_to_limit(partial(_flat, n=day, share=0.6, spread=0.3), days),
        "warm_day_1_mm": time_to_limit(partial(_warm, n=day, swing_mm=1.0), days),
        "pours_to_3_mm": time_to_limit(partial(_poured, n=pour, settle_mm=3.0), 10 * days),
        "pours_to_4_mm": time_to_limit(partial(_poured, n=pour, settle_mm=4.0), 10 * days),
        "pours_to_5_mm": time_to_limit(partial(_poured, n=pour, settle_mm=5.0), 10 * days),
        "pours_to_6_mm": time_to_limit(partial(_poured, n=pour, settle_mm=6.0), 10 * days),
        "drift_quiet": drift(posts, 365, **quiet),
        "drift_weather_0.2_mm": drift(posts, 365, **{**quiet, "weather": 0.2}),
        "drift_days_alike_0.6": drift(posts, 365, **{**quiet, "share": 0.6}),
        "drift_0.2_mm_a_day_found": drift(posts, 60, drift_a_day=0.2, **quiet),
    }
