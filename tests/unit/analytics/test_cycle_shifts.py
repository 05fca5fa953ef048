"""Recognised cycles against the lifts that a simulated crane really made, at four sample rates on one crane."""

import pytest

from bench.cycles import SHIFTS, tallied


@pytest.mark.parametrize(("shift", "hours"), [("heavy", 0.25), ("hurried", 0.12)])
def test_every_lift_is_one_cycle_with_its_load_and_its_points(shift: str, hours: float) -> None:
    for rate, tally in tallied(SHIFTS[shift], seeds=(4,), hours=hours).items():
        found = tally.summary()
        assert tally.lifts >= 1, rate
        assert (found["recall"], found["precision"]) == (1.0, 1.0), rate
        assert found["load_pct_p95"] < 0.5, rate
        for name in ("pick_radius_m_p95", "set_down_radius_m_p95", "pick_slew_deg_p95", "set_down_slew_deg_p95"):
            assert found[name] < 0.2, (rate, name)
        assert found["pick_hook_m_p95"] < 0.2, rate
        assert found["set_down_hook_m_p95"] < (2.0 if rate == "15s" else 0.3), rate
        assert found["duration_s_p95"] <= {"10hz": 1.5, "1hz": 2.0, "5s": 7.5, "15s": 22.5}[rate]
