"""
The console's pages, mounted on the API's own application: which address is which page.

Rule 1: never a figure without its age when it is old, never an empty list without saying whether anybody watches.
Rule 2: pages read the live picture in the same process; a page that is open costs a repaint twice a second.
Rule 3: whoever may not see a site is told so, and is told nothing else.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI
from nicegui import ui

from api.console import (
    alarm_page,
    alarms_page,
    bay_page,
    config_page,
    device_page,
    duty_page,
    frame,
    handover_page,
    history_page,
    limits_page,
    places,
    proofs_page,
    quality_page,
    record_page,
    scene_page,
    site_page,
    sites_page,
    users_page,
)
from api.deps import Parts
from telemetry.roles import EVERYWHERE, Permission

ICON = "📡"

Builder = Callable[..., Awaitable[Any]]


def mount(app: FastAPI, parts: Parts) -> None:
    """Add the pages. Once a process: NiceGUI keeps its pages in the process."""

    async def at(site: str, build: Builder, *more: Any, permission: Permission = Permission.READ) -> None:
        who = frame.arrive()
        if not who.may(permission, site):
            with frame.denied(who):
                return
        await build(parts, who, await places.place(parts, site), *more)

    @ui.page("/", title="cranewatch")
    async def index() -> None:
        who = frame.arrive()
        seen = sorted(site for site in await places.every(parts) if who.sees(site))
        if len(seen) == 1:
            await handover_page.build(parts, who, await places.place(parts, seen[0]))
        else:
            await sites_page.build(parts, who)

    @ui.page("/site/{site}/handover", title="cranewatch")
    async def handover(site: str) -> None:
        await at(site, handover_page.build)

    @ui.page("/site/{site}/handover/{number}", title="cranewatch")
    async def signed(site: str, number: int) -> None:
        await at(site, handover_page.build_signed, number)

    @ui.page("/sites", title="cranewatch")
    async def sites() -> None:
        await sites_page.build(parts, frame.arrive())

    @ui.page("/users", title="cranewatch")
    async def users() -> None:
        who = frame.arrive()
        if not who.principal.anywhere(Permission.USERS):
            with frame.denied(who):
                return
        await users_page.build(parts, who)

    @ui.page("/site/{site}", title="cranewatch")
    async def site(site: str) -> None:
        await at(site, site_page.build)

    @ui.page("/site/{site}/scene", title="cranewatch")
    async def scene(site: str) -> None:
        await at(site, scene_page.build)

    @ui.page("/site/{site}/alarms", title="cranewatch")
    async def alarms(site: str) -> None:
        await at(site, alarms_page.build)

    @ui.page("/alarm/{site}/{device}/{rule}", title="cranewatch")
    async def alarm(site: str, device: str, rule: str) -> None:
        await at(site, alarm_page.build, device, rule)

    @ui.page("/site/{site}/history", title="cranewatch")
    async def history(site: str, device: str | None = None) -> None:
        await at(site, history_page.build, device)

    @ui.page("/site/{site}/record", title="cranewatch")
    async def record(site: str) -> None:
        await at(site, record_page.build)

    @ui.page("/site/{site}/tests", title="cranewatch")
    async def tests(site: str) -> None:
        await at(site, proofs_page.build)

    @ui.page("/site/{site}/quality", title="cranewatch")
    async def quality(site: str) -> None:
        await at(site, quality_page.build, permission=Permission.READ_PEOPLE)

    @ui.page("/site/{site}/limits", title="cranewatch")
    async def limits(site: str) -> None:
        await at(site, limits_page.build)

    @ui.page("/site/{site}/config", title="cranewatch")
    async def config(site: str) -> None:
        await at(site, config_page.build, permission=Permission.READ_DEVICES)

    @ui.page("/sites/new", title="cranewatch")
    async def new_site() -> None:
        who = frame.arrive()
        if not who.may(Permission.CONFIGURE, EVERYWHERE):
            with frame.denied(who):
                return
        await config_page.build_new(parts, who)

    @ui.page("/site/{site}/duty", title="cranewatch")
    async def duty(site: str) -> None:
        await at(site, duty_page.build, permission=Permission.READ_PEOPLE)

    @ui.page("/bay/{site}/{bay}", title="cranewatch")
    async def bay(site: str, bay: str) -> None:
        await at(site, bay_page.build, bay)

    @ui.page("/crane/{site}/{device}", title="cranewatch")
    async def crane(site: str, device: str) -> None:
        await at(site, device_page.build, device)

    @ui.page("/device/{site}/{device}", title="cranewatch")
    async def other(site: str, device: str) -> None:
        await at(site, device_page.build, device)

    # No storage secret: nothing of a visitor is stored. No on_air: nothing leaves this machine.
    ui.run_with(app, title="cranewatch", favicon=ICON, dark=None, language="zh-CN", storage_secret=None, on_air=None,
                show_welcome_message=False, reconnect_timeout=30.0)  # fmt: skip
