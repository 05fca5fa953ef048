"""
Who may do what: roles, permissions, and the one table that says which role has which.

Rule 1: what is not in the table is not allowed.
Rule 2: a role is held at a site, or at all of them (`EVERYWHERE`); a permission never reaches beyond the sites of the
role that gives it.

The roles are those of the parties on a Chinese site (product reference 7.3); 监理 is a legal party of its own and not
the *supervisor* of English-speaking sites.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Final

EVERYWHERE: Final = "*"
LONG_AGO: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Role(StrEnum):
    """What a person is on a site."""

    OPERATOR = "operator"  # 司机
    SIGNALLER = "signaller"  # 信号司索工
    SAFETY_OFFICER = "safety_officer"  # 专职安全员
    SITE_MANAGER = "site_manager"  # 项目负责人
    SUPERVISING_ENGINEER = "supervising_engineer"  # 监理
    MAINTAINER = "maintainer"  # 产权（租赁）/安拆单位
    MONITORING_FIRM = "monitoring_firm"  # 监测单位
    AUTHORITY = "authority"  # 监督机构
    ADMIN = "admin"  # 系统管理员


ROLE_WORDS: Final[Mapping[Role, tuple[str, str]]] = MappingProxyType(
    {
        Role.OPERATOR: ("司机", "operator"),
        Role.SIGNALLER: ("信号司索工", "signaller"),
        Role.SAFETY_OFFICER: ("专职安全员", "safety officer"),
        Role.SITE_MANAGER: ("项目负责人", "site manager"),
        Role.SUPERVISING_ENGINEER: ("监理", "supervising engineer"),
        Role.MAINTAINER: ("产权/安拆单位", "maintainer"),
        Role.MONITORING_FIRM: ("监测单位", "monitoring firm"),
        Role.AUTHORITY: ("监督机构", "authority"),
        Role.ADMIN: ("系统管理员", "admin"),
    }
)


class Permission(StrEnum):
    """What can be allowed."""

    READ = "read"  # sites, devices, alarms, readings: what is going on and what was
    READ_WORK = "read_work"  # work cycles, usage and the figures of a crane's work
    READ_PEOPLE = "read_people"  # figures that name persons: who acknowledges how, operators' counts
    READ_DEVICES = "read_devices"  # quarantine and configuration: for those who install and repair
    EXPORT = "export"
    ACKNOWLEDGE = "acknowledge"
    CLOSE = "close"  # say what an alarm was
    SHELVE = "shelve"
    DISABLE = "disable"  # take an alarm out of service
    RELEASE = "release"  # a hold
    SET_MODE = "set_mode"
    HANDOVER = "handover"  # sign it
    DUTY = "duty"  # roster, contacts, ladder
    PROPOSE = "propose"  # a limit profile
    APPROVE = "approve"  # and publish it
    CONFIGURE = "configure"  # a site and its devices
    PROOF_TEST = "proof_test"
    USERS = "users"  # accounts, keys
    AUDIT = "audit"  # read who did what
    METRICS = "metrics"


_P = Permission
_LOOK: Final = frozenset({_P.READ})
_DESK: Final = frozenset({_P.READ, _P.READ_WORK, _P.READ_PEOPLE, _P.READ_DEVICES, _P.EXPORT})
GRANTS: Final[Mapping[Role, frozenset[Permission]]] = MappingProxyType(
    {
        Role.OPERATOR: _LOOK | {_P.PROOF_TEST},
        Role.SIGNALLER: _LOOK,
        Role.SAFETY_OFFICER: _DESK
        | {_P.ACKNOWLEDGE, _P.CLOSE, _P.SHELVE, _P.DISABLE, _P.RELEASE, _P.SET_MODE, _P.HANDOVER, _P.DUTY, _P.PROPOSE,
           _P.PROOF_TEST},
        Role.SITE_MANAGER: _DESK
        | {_P.ACKNOWLEDGE, _P.CLOSE, _P.SHELVE, _P.RELEASE, _P.SET_MODE, _P.HANDOVER, _P.DUTY, _P.PROPOSE, _P.APPROVE,
           _P.CONFIGURE, _P.PROOF_TEST, _P.AUDIT},
        # Looks at what others do, answers for the site's owner, and is the second person of a limit change.
        Role.SUPERVISING_ENGINEER: _DESK | {_P.ACKNOWLEDGE, _P.APPROVE, _P.AUDIT},
        # Repairs the box and the sensors; the modes in which a crane is erected, climbed and taken down are theirs.
        Role.MAINTAINER: frozenset({_P.READ, _P.READ_WORK, _P.READ_DEVICES, _P.EXPORT, _P.SET_MODE, _P.PROOF_TEST}),
        Role.MONITORING_FIRM: frozenset({_P.READ, _P.READ_DEVICES, _P.EXPORT, _P.PROPOSE}),
        Role.AUTHORITY: frozenset({_P.READ, _P.READ_WORK, _P.EXPORT, _P.AUDIT}),
        Role.ADMIN: frozenset(Permission),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Principal:
    """
    Somebody who asks: a person, or a program with a key. `name` is the login, or `key:` and the key's name.

    `stale`: the record could not be asked whether this still holds, so it is as it was told last.
    """

    name: str
    display_name: str
    organisation: str
    grants: frozenset[tuple[Role, str]]
    user_id: int | None = None
    key_id: str | None = None
    session_id: str | None = None
    language: str | None = None
    stale: bool = False
    since: datetime = LONG_AGO  # rights that changed later are not these

    @property
    def identity(self) -> str:
        """What nobody else has: names of keys may be the same."""
        if self.key_id is not None:
            return f"key:{self.key_id}"
        return f"user:{self.user_id}" if self.user_id is not None else self.name

    def may(self, permission: Permission, site: str) -> bool:
        """Whether this is allowed at that site; `EVERYWHERE` asks for all sites."""
        return any(at in (EVERYWHERE, site) and permission in GRANTS[role] for role, at in self.grants)

    def sites(self, permission: Permission) -> frozenset[str] | None:
        """The sites where this is allowed; None is all of them."""
        found = {at for role, at in self.grants if permission in GRANTS[role]}
        return None if EVERYWHERE in found else frozenset(found)

    def anywhere(self, permission: Permission) -> bool:
        """Whether this is allowed at any site."""
        return any(permission in GRANTS[role] for role, _ in self.grants)

    @property
    def roles(self) -> tuple[Role, ...]:
        """Every role that is held anywhere, in the order of `Role`."""
        held = {role for role, _ in self.grants}
        return tuple(role for role in Role if role in held)


def parse_grants(pairs: Iterable[tuple[str, str]]) -> frozenset[tuple[Role, str]]:
    """Grants as the record has them; a role that this version does not know gives nothing."""
    known = {str(role): role for role in Role}
    return frozenset((known[role], site) for role, site in pairs if role in known)
