"""
A short campaign of faults, seeded, as a part of the suite; the long ones are `make chaos`.

Everything is as in the command: Mosquitto, TimescaleDB, services as processes, devices with journals.
"""

import json
import os
import subprocess
import sys

import pytest

from runtime.embedded import debian
from tests.helpers.services import ROOT

FAULTS = "kill-ingest,kill-analyzer,outage-and-broker,duplicates,two-boxes,flood"


@pytest.mark.timeout(400)
@pytest.mark.timescale
@pytest.mark.broker
def test_a_short_campaign_of_faults_loses_nothing_doubles_nothing_and_changes_no_alarm() -> None:
    missing = [reason for reason in (debian.why_no_mosquitto(), debian.why_no_timescale()) if reason]
    if missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"required in CI: {missing}")
        pytest.skip("; ".join(missing))
    done = subprocess.run(
        [sys.executable, "-m", "runtime.cli", "chaos", "--json", "--seed", "11", "--duration", "15", "--rate", "150",
         "--faults", FAULTS],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["differences"] == 0, json.dumps(report["audit"]["differences"], indent=1)
    assert done.returncode == 0
    audit = report["audit"]
    assert (
        audit["total"]["sent"]
        == audit["total"]["stored"] + audit["total"]["quarantined"] + audit["total"]["lost_by_broker"]
    )
    assert audit["total"]["missing"] == audit["total"]["doubled"] == 0
    assert audit["reviewed"] > 0
    assert {one["fault"] for one in report["faults"]} >= {"kill-ingest", "kill-analyzer", "outage-and-broker"}
    assert report["kills"]["ingest"] >= 1
    assert report["kills"]["analyzer"] >= 1
    assert audit["derived"] > 10
    assert audit["total"]["quarantined"] > 10
