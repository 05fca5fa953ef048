"""
What a site file must be beyond its shape: names that there are, figures that can be meant, nothing twice.

Rule: what would make an alarm wrong or missing is wrong; what only may be is a warning. Bounds that no standard gives
are cranewatch proposals: far outside of what cranes are, so that they catch slips and not cranes.
"""

import tomllib
from collections.abc import Callable
from datetime import date
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from telemetry.errors import WireError
from telemetry.ladder import Address
from telemetry.limit_profile import Profile
from telemetry.sitefile import check_cranes, check_people, check_watch, configs
from telemetry.sitefile.finding import Finding, Findings, errors
from telemetry.sitefile.judging import Judge
from telemetry.sitefile.reading import SiteFileError, read
from telemetry.sitefile.words import Bay, File
from telemetry.toml_places import Exact
from telemetry.wire.frames import MAX_BYTES
from telemetry.wire.payloads import DeviceConfig, SiteConfig, decode, encode

ROOM: Final = 128  # bytes that version and hash take beside what is configured


def checked(
    text: str,
    *,
    today: date | None = None,
    readable: Callable[[Address], bool] | None = None,
    published: Profile | None = None,
) -> tuple[File | None, list[Finding]]:
    """
    The site file in a text, None when anything is wrong with it; and all that is wrong or worth a look.

    `today` is what calibrations are held against, `readable` says whether an address can be sent to; without them
    neither is looked at. `published` is the limit profile that holds at the site, where one does.
    """
    file, findings = read(text)
    if file is None:
        return None, findings.listed()
    _site(file, findings)
    check_cranes.look(file, findings)
    _bays(file, findings)
    check_watch.look(file, findings, today, Judge(file.site.profile, published))
    _around(file, findings)
    check_people.look(file, findings, readable)
    _messages(file, findings)
    return (None if errors(findings.found.values()) else file), findings.listed()


def site_of(text: str) -> str | None:
    """The id of the site that a text is about, as far as it can be seen; it may be wrong in every other way."""
    try:
        found = tomllib.loads(text).get("site", {}).get("id")
    except (ValueError, RecursionError, AttributeError):
        return None
    return found if isinstance(found, str) else None


def parse(text: str, of: str) -> File:
    """The site file in a text; `of` is its name. Raises SiteFileError with all that is wrong."""
    file, found = checked(text)
    if file is None:
        raise SiteFileError(of, found)
    return file


def _site(file: File, findings: Findings) -> None:
    try:
        ZoneInfo(file.site.timezone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        findings.wrong(
            ("site", "timezone"), f"没有时区 {file.site.timezone}，如 Asia/Shanghai",
            f"no time zone {file.site.timezone!r}; one is Asia/Shanghai",
        )  # fmt: skip
    for n, (begin, end) in enumerate(file.site.hours):
        if begin == end:
            findings.wrong(("site", "hours", n), "起止相同", "begins when it ends")
    if not file.cranes and not file.bays:
        findings.wrong((), "至少要有一台塔机或一个高支模区域", "a site needs at least one crane or bay")


def _bays(file: File, findings: Findings) -> None:
    seen: dict[str, str] = {}
    posts: dict[str, str] = {crane.id: crane.id for crane in file.cranes}
    for n, bay in enumerate(file.bays):
        path: Exact = ("bays", n)
        if bay.id.lower() in seen:
            findings.wrong((*path, "id"), f"区域 {bay.id} 出现两次", f"two bays called {bay.id}")
        seen[bay.id.lower()] = bay.id
        if (bay.count is None) == (not bay.posts):
            findings.wrong(
                path, "写 count（网格）或 posts（逐根），二者取一", "say either count (a grid) or posts (one by one)"
            )
        made = configs.posts(bay)
        for k, post in enumerate(made):
            own: Exact = (*path, "posts", k, "id") if bay.posts else (*path, "first")
            if post.id in posts:
                findings.wrong(own, f"{post.id} 这个编号已用于 {posts[post.id]}",
                               f"there is a device called {post.id} already ({posts[post.id]})")  # fmt: skip
            posts[post.id] = bay.id
        _neighbours(bay, path, findings)


def _neighbours(bay: Bay, path: Exact, findings: Findings) -> None:
    ids = {post.id for post in bay.posts}
    for k, post in enumerate(bay.posts):
        own: Exact = (*path, "posts", k)
        if post.design_force_kn is None and bay.design_force_kn is None:
            findings.warn(own, "没有设计轴力，轴力不报警", "no design force: its force is not watched")
        for m, name in enumerate(post.neighbours):
            if name == post.id or name not in ids:
                findings.wrong((*own, "neighbours", m), f"区域 {bay.id} 没有另一根立杆 {name}",
                               f"bay {bay.id} has no other post {name}")  # fmt: skip
        if post.neighbours and post.span_m is None:
            findings.warn(
                own, "有相邻立杆而没有 span_m，差异沉降不监测",
                "neighbours without span_m: differential settlement is not watched",
            )  # fmt: skip
    if not bay.posts and bay.design_force_kn is None:
        findings.warn(path, "没有设计轴力，轴力不报警", "no design force: force is not watched")


def _around(file: File, findings: Findings) -> None:
    for n, zone in enumerate(file.zones):
        ring = [*zone.corners[1:], zone.corners[0]]
        area = abs(sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(zone.corners, ring, strict=True))) / 2
        if area < 1.0:
            findings.wrong(("zones", n, "corners"), f"面积只有 {area:.1f} m²", f"its area is only {area:.1f} m²")
    bays = {bay.id: {post.id for post in configs.posts(bay)} for bay in file.bays}
    for n, permit in enumerate(file.pours):
        path: Exact = ("pours", n)
        if permit.begin >= permit.end:
            findings.wrong((*path, "end"), "结束不晚于开始", "it ends before it begins")
        if permit.bay not in bays:
            findings.wrong((*path, "bay"), f"没有区域 {permit.bay}", f"no bay {permit.bay}")
        for m, name in enumerate(permit.order):
            if name not in bays.get(permit.bay, {name}):
                findings.wrong((*path, "order", m), f"区域 {permit.bay} 没有立杆 {name}",
                               f"bay {permit.bay} has no post {name}")  # fmt: skip
        if permit.crane is not None and permit.crane not in {crane.id for crane in file.cranes}:
            findings.wrong((*path, "crane"), f"没有塔机 {permit.crane}", f"no crane {permit.crane}")


def _messages(file: File, findings: Findings) -> None:
    """What the broker cannot be told would be held back, and the crane keep its last chart in silence."""
    _message(("site",), configs.site_config(file), findings)
    for n, crane in enumerate(file.cranes):
        _message(("cranes", n), configs.crane_config(file, crane), findings)
    for n, bay in enumerate(file.bays):
        for k, post in enumerate(configs.posts(bay)):
            path: Exact = ("bays", n, "posts", k) if bay.posts else ("bays", n)
            _message(path, configs.post_config(file, bay, post), findings)


def _message(path: Exact, config: SiteConfig | DeviceConfig, findings: Findings) -> None:
    raw = encode(config)
    if len(raw) + ROOM > MAX_BYTES:
        findings.wrong(path, "配置超过一条消息", "its configuration does not fit into a message")
        return
    try:
        decode(type(config), raw)
    except WireError as error:
        findings.wrong(path, f"无法下发：{error.detail}", f"it cannot be published: {error.detail}")
