"""An example of every body of sign-in, accounts, keys, the audit log and people's answers."""

from typing import Any, Final

_GRANTS: Final = [{"role": "safety_officer", "site": "demo"}]
_ME: Final[dict[str, Any]] = {
    "name": "li.na", "display_name": "李娜", "organisation": "示范总包 Demo contractor", "language": "zh",
    "grants": _GRANTS, "permissions": {"demo": ["acknowledge", "close", "read", "shelve"]}, "stale": False,
}  # fmt: skip
_USER: Final[dict[str, Any]] = {
    "id": 7, "login": "li.na", "display_name": "李娜", "organisation": "示范总包 Demo contractor", "language": "zh",
    "phone": "+86 138 0000 0000", "grants": _GRANTS, "disabled": False, "has_password": True,
    "created_at": 1800000000000,
}  # fmt: skip
_KEY: Final[dict[str, Any]] = {
    "id": "k3v9x0q2m7ab", "name": "dashboard", "organisation": "示范总包 Demo contractor",
    "grants": [{"role": "authority", "site": "demo"}], "created_by": "li.na", "created_at": 1800000000000,
    "expires_at": 1831536000000, "revoked_at": None, "used_at": None,
}  # fmt: skip
_PERSON: Final[dict[str, Any]] = {
    "display_name": "李娜", "organisation": "示范总包 Demo contractor", "grants": _GRANTS, "language": "zh",
    "phone": "+86 138 0000 0000",
}  # fmt: skip
_INVITATION: Final = {"path": "/login#invitation=qN1c0n…", "expires_at": 1800172800000}

ACCESS: Final[dict[str, Any]] = {
    "Login": {"login": "li.na", "password": "a long sentence that only I know", "cookies": False},
    "Refresh": {"refresh_token": "v3ry-r4nd0m"},
    "Invited": {"token": "qN1c0n", "password": "a long sentence that only I know", "cookies": False},
    "SignedIn": {
        "access_token": "eyJhbGciOi…", "refresh_token": "v3ry-r4nd0m", "token_type": "Bearer", "expires_in": 600,
        "me": _ME,
    },
    "Me": _ME,
    "Ways": {"password": True, "oidc": None, "empty": False},
    "NewPassword": {"old": "a long sentence that only I know", "new": "another one, even longer"},
    "Sessions": {
        "items": [
            {
                "id": "k3v9x0q2m7ab", "created_at": 1800000000000, "used_at": 1800000600000,
                "expires_at": 1801209600000, "address": "10.0.0.7", "agent": "Mozilla/5.0 …", "this": True,
            }
        ]
    },
    "NewPerson": {**_PERSON, "login": "li.na"},
    "Person": _PERSON,
    "User": _USER,
    "Users": {"items": [_USER]},
    "Invitation": _INVITATION,
    "NewUser": {"user": _USER, "invitation": _INVITATION},
    "NewKey": {
        "name": "dashboard", "organisation": "示范总包 Demo contractor",
        "grants": [{"role": "authority", "site": "demo"}], "days": 365,
    },
    "Keys": {"items": [_KEY]},
    "MadeKey": {"key": _KEY, "secret": "cwk_k3v9x0q2m7ab_…"},
    "Audit": {
        "items": [
            {
                "id": 1042, "at": 1800000010000, "recorded_at": 1800000010020, "who": "li.na",
                "organisation": "示范总包 Demo contractor", "address": "10.0.0.7", "action": "alarm.shelve",
                "target": "demo/crane/crane-1/wind", "site": "demo", "before": {"state": "unacknowledged"},
                "after": {"response": "api-4f0e12ab90cd3344", "why": "anemometer is being replaced"},
            }
        ],
        "next": None,
    },
    "Bulk": {"why": "the site's mains was off for the lift's inspection", "alarms": [{"device": "c-1", "rule": "gap"}]},
    "AcceptedMany": {"responses": ["api-4f0e12ab90cd3344"]},
    "Because": {"why": "rope and hook were looked at, nothing found"},
    "SetMode": {"mode": "climbing", "why": "tie-in 4, plan 2027-03"},
    "Close": {"cause": "allowed_work", "note": "planned test lift with the inspector"},
    "Closed": {
        "transition": "3f0c9a1be2d44f10", "site": "demo", "kind": "crane", "device": "crane-1", "rule": "moment",
        "cause": "allowed_work", "note": "planned test lift with the inspector", "who": "li.na", "at": 1800000900000,
    },
    "AllToClose": {
        "items": [
            {
                "transition": "3f0c9a1be2d44f10", "position": 812, "site": "demo", "kind": "crane",
                "device": "crane-1", "rule": "moment", "severity": 3, "life_safety": True, "at": 1800000000123,
                "text": {"zh": "超载 104 %", "en": "OVERLOAD 104 %"},
            }
        ],
        "next": None,
    },
}  # fmt: skip
