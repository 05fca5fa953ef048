"""
Examples for the API's documentation: what a running demo really answered, shortened.

They are put into the OpenAPI document by the name of their schema; a test holds each against its schema, and fails
when an answer has none.
"""

from typing import Any, Final

from api.access_examples import ACCESS
from api.cycle_examples import CYCLES, USAGE
from api.export_schemas import EXAMPLES as EXPORTS
from api.handover_schemas import EXAMPLES as HANDOVERS
from api.notify_examples import NOTIFY
from api.profile_schemas import EXAMPLES as PROFILES
from api.proof_schemas import EXAMPLES as PROOFS
from api.sitefile_schemas import SITE_FILES

_OVERLOAD: Final[dict[str, Any]] = {
    "site": "demo", "kind": "crane", "device": "test-1", "rule": "moment", "transition": "08bb0ded254ba53b",
    "state": "unacknowledged", "severity": 4, "active": True, "since": 1795376084000, "at": 1795376084000,
    "cab": "continuous", "desk": "unacknowledged", "hazard": "moment", "value": 125.0, "limit": 100.0, "unit": "%",
    "text": {"zh": "超载 力矩 125 % 限值 100 %", "en": "OVERLOAD moment 125 %, limit 100 %"},
    "action": {"zh": "停止起升 下降或收幅", "en": "stop hoisting, lower or trolley in"},
    "life_safety": True, "hold": True,
}  # fmt: skip

_DEVICE: Final[dict[str, Any]] = {
    "site": "demo", "kind": "crane", "device": "crane-1", "display_name": "1#塔机", "property_no": "示-2024-0101",
    "registration_no": "示登-0101", "organisation": "示范总包 Demo contractor", "registered": True, "config_version": 1,
    "presence": {"online": True, "boot": "eb12d0cb779c9722", "ts": 1795376071739, "interval_ms": 200},
    "coverage": {
        "at": 1795376072495, "level": "monitored",
        "hazards": {
            "load": {"level": "monitored"},
            "anti_collision": {
                "level": "not_monitored", "reason": {"zh": "本版本不监测", "en": "not computed in this version"},
            },
        },
    },
    "reading": {
        "ts": 1795376273139, "received_at": 1795376273151, "age_ms": 198, "stale": False, "boot": "eb12d0cb779c9722",
        "seq": 1008, "values": {"load_t": 3.21, "radius_m": 8.05, "wind_mps": 6.6, "mode": "working"}, "invalid": [],
    },
    "alarms": [],
}  # fmt: skip

_TRANSITION: Final[dict[str, Any]] = {
    "position": 7, "id": "46fe1b33c2c52217", "site": "demo", "kind": "formwork", "device": "post-06",
    "rule": "settlement", "signal": "raise", "previous": "normal", "state": "unacknowledged", "severity": 3,
    "at": 1795376108156, "cause": {"boot": "32749280dffb2936", "seq": 37, "i": 0}, "hazard": "settlement",
    "channel": "settle_mm", "value": 10.6, "limit": 8.0, "unit": "mm", "profile": "cn/1@97f0010b6bd6", "config": 1,
    "source": "DBJ/T 15-197-2020 8.0.4, secondary transcription (domain reference 2.1)",
    "text": {"zh": "报警 沉降 10.6 mm 限值 8 mm", "en": "SETTLEMENT 10.6 mm, limit 8 mm"},
    "action": {"zh": "立即停止浇筑 全员撤离", "en": "stop the pour, everybody out"},
    "life_safety": True, "recorded_at": 1795376108177,
}  # fmt: skip

_QUARANTINED: Final[dict[str, Any]] = {
    "id": 1, "site": "demo", "kind": "crane", "device": "test-1", "topic": "cw/v1/demo/crane/test-1/up/reading",
    "reason": "invalid", "detail": "Expected `float | null`, got `str` - at `$.load_t`", "boot": None, "seq": None,
    "length": 25, "sha256": "e1c657cde97bed2a817b79a454df7b285faf27674aaa0b4fad47fc4648dc3381",
    "text": '{"ts":1,"load_t":"heavy"}', "hex": "7b 22 74 73 22 3a 31 2c", "count": 1,
    "first_received_at": 1795376108643, "last_received_at": 1795376108643,
}  # fmt: skip

_FRAMES: Final[dict[str, Any]] = {
    "sent": 86400, "stored": 86351, "misdated": 0, "quarantined": 2, "quarantined_by": {"invalid": 2}, "missing": 40,
    "overdue": 40, "tail": 0, "lost": 7, "lost_by": {"journal": 7}, "late": 3614, "evaluated": 82737, "reviewed": 3614,
    "refused": 0, "unreviewed": 0,
}  # fmt: skip

_COMPLETENESS: Final[dict[str, Any]] = {
    "site": "demo", "kind": "crane", "device": "crane-1", "day": "2027-01-15", "timezone": "Asia/Shanghai",
    "begin": 1799942400000, "end": 1800028800000, "frames": _FRAMES,
    "boots": [{"boot": "eb12d0cb779c9722", "frames": _FRAMES}], "unreadable": {}, "readings": 86351, "by_hand": 0,
    "conflicts": 0,
    "clock": {
        "live": 82737, "within_5s": 82737, "median_ms": -11.0, "repeats": 0, "steps_back": 0, "jumps": 0,
    },
    "coverage_ms": {"monitored": 82800000, "degraded": 3600000}, "events": [],
}  # fmt: skip

_FIGURES: Final[dict[str, Any]] = {
    "annunciated": 3, "per_10_min": 0.0208, "per_hour": 0.125, "per_day": 3.0, "peak_10_min": 2, "over_10_share": 0.0,
    "flood_share": 0.0, "chattering": [], "fleeting": 0, "stale": 0, "standing": 1, "low": 0, "medium": 1, "high": 2,
    "acknowledged": 2, "median_s": 34.0, "p90_s": 51.0, "worst_s": 51.0, "waiting": 1,
    "top": [{"device": "crane/crane-1", "rule": "wind", "times": 2, "share": 0.6667}],
    "people": [{"who": "li", "acknowledged": 2, "median_s": 34.0, "rubber_stamps": 0}], "beyond": ["high_share"],
}  # fmt: skip
_CAB: Final[dict[str, Any]] = {
    "name": "crane/crane-1", "sound_s": 41.5, "times": 6, "hours": 5, "s_per_hour": 8.3, "over": False,
    "rules": {"moment": 9.0, "wind": 32.5},
}  # fmt: skip

EXAMPLES: Final[dict[str, dict[str, Any]]] = {
    "Sites": {
        "source": "record",
        "items": [
            {
                "site": "demo", "display_name": "示范工地 Demo site", "timezone": "Asia/Shanghai",
                "organisation": "示范总包 Demo contractor", "devices": 16, "lost": None, "heartbeat_age_ms": 413,
            }
        ],
    },
    "Devices": {"source": "live", "items": [_DEVICE]},
    "Device": _DEVICE,
    "Alarms": {"source": "live", "lost": {}, "items": [_OVERLOAD]},
    "History": {
        "site": "demo", "kind": "crane", "device": "crane-1", "bucket": "1m", "begin": 1795376040000,
        "end": 1795376160000, "at": [1795376040000, 1795376100000], "samples": [142, 300], "truncated": False,
        "channels": {
            "load_t": {
                "unit": "t", "zh": "吊重", "en": "load", "mean": [2.658, 0.156], "low": [-0.02, -0.03],
                "high": [4.45, 4.24], "n": [142, 300],
            }
        },
    },
    "Transitions": {"items": [_TRANSITION], "next": 7},
    "Quarantine": {"items": [_QUARANTINED], "next": None},
    "Health": {
        "ok": True,
        "checks": {
            "broker": {"zh": "已连接", "en": "connected"},
            "database": {"zh": "正常，结构版本 3", "en": "answers, schema 3"},
        },
    },
    "Completeness": _COMPLETENESS,
    "SiteCompleteness": {"site": "demo", "day": "2027-01-15", "frames": _FRAMES, "items": [_COMPLETENESS]},
    "AlarmQuality": {
        "site": "demo", "begin": 1799942400000, "end": 1800028800000,
        "targets": {"per_10_min": 1.0, "peak_10_min": 10.0, "high_share": 0.05}, "cab_s_per_hour": 10.0,
        "desk": _FIGURES, "devices": {"crane/crane-1": _FIGURES}, "cabs": [_CAB],
        "operators": [{**_CAB, "name": "op-17"}], "operator_lines": {"op-17": 3},
    },
    "Gaps": {
        "items": [
            {
                "site": "demo", "kind": "crane", "device": "crane-1", "frames": 40, "since": 1800000012000,
                "overdue": True,
            }
        ]
    },
    **NOTIFY,
    **HANDOVERS,
    **PROFILES,
    **PROOFS,
    **EXPORTS,
    **ACCESS,
    **SITE_FILES,
    "Cycles": CYCLES,
    "Usage": USAGE,
    "Reviews": {
        "items": [
            {
                "id": 12, "site": "demo", "kind": "crane", "device": "crane-1", "finished_at": 1800003700000,
                "begin": 1799998171000, "end": 1800001810000, "late": {"eb12d0cb779c9722": [[51121, 51160]]},
                "frames": 40, "samples": 3640, "added": 2, "not_reproduced": 0, "settled": True, "refusal": None,
            }
        ],
        "next": None,
    },
    "Backtests": {
        "items": [
            {
                "id": 7, "kind": "replay", "profile": "acme/3@4bc72d457df6", "profile_hash": "4bc72d457df6" + "0" * 52,
                "target": "demo", "site": "demo", "begin": 1799914000000, "end": 1800000400000, "outcome": "missing",
                "missing": 1, "accepted": "li.na: the hook was tested", "run_by": "li.na", "finished_at": 1800003700000,
                "total": {
                    "devices": 2, "days": 1.97, "then": {"alarms": 9, "false": 2}, "now": {"alarms": 8, "false": 1},
                },
            }
        ],
        "next": None,
    },
    "BacktestResult": {
        "id": 7,
        "result": {
            "target": "demo", "profile": "acme/3@4bc72d457df6", "outcome": "missing",
            "missing_life_safety": [{"device": "crane-1", "rule": "moment", "at": 1799921043000, "severity": "alarm"}],
        },
    },
    "ShadowRuns": {
        "items": [
            {
                "id": 3, "site": "demo", "profile": "acme/3@4bc72d457df6", "profile_hash": "4bc72d457df6" + "0" * 52,
                "run_by": "li.na", "begin": 1799914000000, "end": 1800518800000, "looked_at": 1800003700000,
                "ended_at": None, "backtest": None,
                "devices": [
                    {
                        "kind": "crane", "device": "crane-1", "seen": 1800003690000, "watched_ms": 89600000,
                        "samples": 89611, "then": 9, "now": 8, "different": 0, "trouble": None,
                    }
                ],
            }
        ],
        "next": None,
    },
    "Holes": {
        "site": "demo", "kind": "crane", "device": "crane-1", "truncated": False,
        "holes": [
            {
                "boot": "eb12d0cb779c9722", "first": 51121, "last": 51160, "frames": 40, "begin": 1799999971000,
                "end": 1800000010000, "since": 1800000012000, "tail": False,
            }
        ],
    },
}  # fmt: skip


def illustrate(document: dict[str, Any]) -> dict[str, Any]:
    """The OpenAPI document with an example in every schema that we have one for."""
    schemas = document.get("components", {}).get("schemas", {})
    for name, example in EXAMPLES.items():
        if name in schemas:
            schemas[name].setdefault("examples", [example])
    return document
