"""
How fast the alarm engine is, without codec, journal and broker. Times are CPU times of one process.

`make bench ARGS=engine`: one-sample frames, decoded beforehand, one of each device a batch; also a single device a
batch (what a quiet site costs), ten-sample frames, a tick and a snapshot; the memory of 5,000 cranes in a process.
"""

import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from analytics.engine import Engine
from analytics.samples import Arrived
from telemetry.wire import frames
from telemetry.wire.payloads import Chart, DeviceConfig

START = 1_800_000_000_000
CHART = [(15.0, 4.0), (20.0, 4.0), (25.0, 4.0), (30.0, 4.0), (35.0, 3.41), (40.0, 2.89), (45.0, 2.49), (50.0, 2.17),
         (55.0, 1.92), (60.0, 1.70)]  # fmt: skip


def frame(device: int, seq: int, samples: int = 1) -> frames.Frame:
    """An ordinary frame of a crane at work: a lift, some wind, a little lean."""

    def channels(k: int) -> dict[str, Any]:
        phase = (device * 7 + seq * samples + k) % 60
        return {
            "load_t": round(0.2 + (2.2 if phase < 30 else 0.0) + (phase % 7) / 100, 2),
            "radius_m": 20.0 + phase / 3, "hook_m": 30.0, "slew_deg": float(phase * 6), "falls": 2,
            "wind_mps": 5.0 + (phase % 11) / 10, "tilt_x_deg": 0.1 + (phase % 5) / 100, "tilt_y_deg": -0.08,
        }  # fmt: skip

    ts = START + seq * 1000
    body: dict[str, Any] = {"boot": f"boot-{device:08d}", "seq": seq, "power_ok": True, "mode": "working"}
    if samples == 1:
        body |= {"ts": ts, **channels(0)}
    else:
        body["samples"] = [{"ts": ts + 1000 * k // samples, **channels(k)} for k in range(samples)]
    return frames.decode("crane", msgspec.json.encode(body))


def engine(devices: int) -> Engine:
    """An engine that knows this many cranes, with load charts."""
    made = Engine()
    config = DeviceConfig(version=1, charts=[Chart(falls=2, points=CHART)])
    for device in range(devices):
        made.configure("bench", "crane", f"c{device}", config, START)
    return made


def run(devices: int, rounds: int, per_batch: int, samples: int = 1) -> dict[str, float]:
    """Microseconds a frame and rule conditions a second, over `rounds` frames of each device."""
    made = engine(devices)
    batches = []
    for seq in range(1, rounds + 1):
        arrived = [
            Arrived("bench", "crane", f"c{d}", frame(d, seq, samples), START + seq * 1000) for d in range(devices)
        ]
        batches += [arrived[k : k + per_batch] for k in range(0, devices, per_batch)]
    conditions = transitions = 0
    began = time.process_time()
    for batch in batches:
        outcome = made.feed(batch)
        conditions += outcome.conditions
        transitions += len(outcome.transitions)
    took = time.process_time() - began
    return {
        "us_per_frame": round(took / (devices * rounds) * 1e6, 2),
        "us_per_sample": round(took / (devices * rounds * samples) * 1e6, 2),
        "conditions_per_s": round(conditions / took),
        "transitions": transitions,
    }


def resident_mb() -> float:
    """The resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1e6


def fill(devices: int, rounds: int) -> dict[str, float]:
    """The memory of a whole process with an engine of so many cranes after so many samples of each."""
    before = resident_mb()
    made = engine(devices)
    for seq in range(1, rounds + 1):
        made.feed([Arrived("bench", "crane", f"c{d}", frame(d, seq), START + seq * 1000) for d in range(devices)])
        made.tick(START + seq * 1000, START + seq * 1000)
    frozen = made.freeze()
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    return {
        "devices": devices, "before_mb": round(before), "resident_mb": round(resident_mb()), "most_mb": round(most),
        "frozen": len(frozen),
    }  # fmt: skip


def memory(devices: int = 5000, rounds: int = 150) -> dict[str, float]:
    """`fill` in a process of its own."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        return pool.submit(fill, devices, rounds).result()


def measure(devices: int = 1000, rounds: int = 100) -> dict[str, Any]:
    """All figures; times are CPU times of this process."""
    figures: dict[str, Any] = {
        "devices": devices,
        "one_sample_frames": run(devices, rounds, devices),
        "ten_sample_frames": run(devices, max(1, rounds // 10), devices, 10),
        "one_frame_a_batch": run(10, 200, 1),
        "memory": memory(),
    }
    made = engine(devices)
    made.feed([Arrived("bench", "crane", f"c{d}", frame(d, 1), START) for d in range(devices)])
    for name, work in {
        "first_tick_ms": lambda: made.tick(START + 100, START + 100),
        "tick_ms": lambda: made.tick(START + 600, START + 600),
        "freeze_ms": made.freeze,
        "snapshot_ms": made.snapshot,
    }.items():
        began = time.process_time()
        work()
        figures[name] = round((time.process_time() - began) * 1e3, 2)
    figures["snapshot_bytes"] = len(made.snapshot())
    return figures
