"""Drives."""

import pytest

from simulators.motion import Drive

DT = 0.05


def drive_to(target: float, top: float = 2.0, acceleration: float = 0.5) -> tuple[Drive, list[float], float]:
    drive = Drive(0.0, top, acceleration)
    drive.target = target
    speeds, t = [], 0.0
    while not drive.arrived:
        drive.step(DT)
        speeds.append(drive.speed)
        t += DT
        assert t < 1000, "never arrived"
    return drive, speeds, t


@pytest.mark.parametrize("target", [0.01, 0.3, 5.0, 40.0, -40.0])
def test_a_drive_arrives_exactly_and_in_the_time_of_a_trapezoid(target: float) -> None:
    drive, speeds, t = drive_to(target)
    assert drive.position == target
    way = abs(target)
    ideal = 2 * (way / 0.5) ** 0.5 if way < 8 else way / 2.0 + 2.0 / 0.5
    assert ideal - 2 * DT <= t <= ideal * 1.1 + 1.0
    assert max(abs(speed) for speed in speeds) <= 2.0


def test_a_drive_never_accelerates_harder_than_it_can() -> None:
    _, speeds, _ = drive_to(40.0)
    changes = [abs(b - a) for a, b in zip([0.0, *speeds], speeds, strict=False)]
    assert max(changes) <= 0.5 * DT * 4 + 1e-9
    assert sorted(changes)[int(len(changes) * 0.99)] <= 0.5 * DT + 1e-9


def test_a_drive_does_not_run_past_its_target() -> None:
    drive = Drive(0.0, 2.0, 0.5)
    drive.target = 10.0
    for _ in range(1000):
        drive.step(DT)
        assert drive.position <= 10.0 + 1e-9


def test_halt_stops_within_the_braking_way() -> None:
    drive = Drive(0.0, 2.0, 0.5)
    drive.target = 100.0
    while drive.speed < 2.0 - 1e-9:
        drive.step(DT)
    at = drive.position
    drive.halt()
    while not drive.arrived:
        drive.step(DT)
    assert drive.position - at == pytest.approx(2.0**2 / (2 * 0.5), abs=1e-6)
