"""Examples of receipt chains, contacts, rosters and ladders: see `examples`."""

from typing import Any, Final

_REACHED: Final[dict[str, Any]] = {
    "terminal": "cab-1", "transition": "46fe1b33c2c52217", "at": 1795376108201, "received_at": 1795376108214,
    "seconds": 0.037,
}  # fmt: skip
_CHAIN: Final[dict[str, Any]] = {
    "site": "demo", "kind": "crane", "device": "crane-3", "rule": "moment", "transition": "46fe1b33c2c52217",
    "severity": 3, "life_safety": True, "attended": True,
    "text": {"zh": "超载 力矩 104 % 限值 100 %", "en": "OVERLOAD moment 104 %, limit 100 %"},
    "at": 1795376108156, "received_at": 1795376108177, "delivered": [{**_REACHED, "seconds": 0.02}],
    "rendered": [_REACHED],
    "told": [
        {
            "contact": "wang", "name": "王工", "channel": "wecom", "step": 1, "created_at": 1795376109710,
            "sent_at": 1795376110032, "attempts": 1, "state": "sent", "error": None,
        }
    ],
    "acknowledged": {
        "transition": "8b7a5d0c1f2e3d4c", "who": "wang", "why": None, "at": 1795376131000, "seconds": 22.9,
    },
    "ended": "acknowledged",
}  # fmt: skip
_FIGURE: Final[dict[str, Any]] = {"chains": 12, "reached": 12, "p50_s": 0.041, "p99_s": 0.12}
_CONTACT: Final[dict[str, Any]] = {
    "name": "王工", "organisation": "示范总包 Demo contractor", "role": "site_manager", "language": "zh",
    "login": "wang",
    "quiet": ["22:00", "06:00"], "channels": [{"name": "wecom", "means": "push", "url": "wecombot://***"}],
}  # fmt: skip
_NAMED: Final[dict[str, Any]] = {**_CONTACT, "contact": "wang"}
_DUTY: Final[dict[str, Any]] = {
    "contact": "wang", "role": "safety_officer", "begin": "2027-01-15T07:00:00+08:00",
    "end": "2027-01-22T07:00:00+08:00", "shift": "day",
}  # fmt: skip
_LADDERS: Final[dict[str, Any]] = {
    "life_safety": {
        "steps": [
            {"after_s": 0.0, "duty": "safety_officer"},
            {"after_s": 30.0, "duty": "any", "means": ["call", "sms", "push"]},
            {"after_s": 60.0, "role": "site_manager", "means": ["call", "sms", "push"]},
        ],
        "repeat_s": 300.0, "repeats": 3,
    },
    "alarm": None, "supervised": None, "day": ["07:00", "19:00"], "terminal_s": 3.0,
}  # fmt: skip

NOTIFY: Final[dict[str, dict[str, Any]]] = {
    "Chain": _CHAIN,
    "Chains": {
        "site": "demo", "begin": 1795289708000, "end": 1795376108000, "truncated": False,
        "figures": {
            "delivered": _FIGURE, "rendered": _FIGURE,
            "told": {"chains": 14, "reached": 14, "p50_s": 1.9, "p99_s": 2.7},
            "acknowledged": {"chains": 14, "reached": 13, "p50_s": 21.0, "p99_s": 58.0},
        },
        "items": [_CHAIN],
    },
    "Contact": _CONTACT,
    "NamedContact": _NAMED,
    "Contacts": {"items": [_NAMED]},
    "Duty": _DUTY,
    "NumberedDuty": {**_DUTY, "id": 7},
    "Roster": {"items": [{**_DUTY, "id": 7}]},
    "OnDuty": {
        "site": "demo", "at": 1795376108156, "duties": [_DUTY],
        "reach": {
            "life_safety": {"people": ["wang"], "why": None},
            "alarm": {"people": ["wang"], "why": None},
            "supervised": {"people": [], "why": {"zh": "只在值班台显示", "en": "shown at the desk only"}},
        },
        "undelivered": 0,
    },
    "Ladders": _LADDERS,
    "SiteLadders": {"own": True, "ladders": _LADDERS},
    "Messages": {
        "items": [
            {
                "id": 41, "site": "demo", "contact": "wang", "channel": "wecom", "sort": "alarm", "life_safety": True,
                "title": "【生命安全 报警】3#塔机 超载 力矩 104 % 限值 100 %", "created_at": 1795376109710,
                "due_at": 1795376109710, "attempts": 1, "state": "sent", "error": None, "sent_at": 1795376110032,
            }
        ],
        "next": None,
    },
    "Retried": {"ids": [41]},
}  # fmt: skip
