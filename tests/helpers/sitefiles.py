"""Site files for tests: a whole one as text, and made-up ones."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from telemetry.ladder import Address, Channel, Contact, Duty, Ladder, Means, Plan, Shift, Step
from telemetry.roles import Role
from telemetry.sitefile.words import (
    Bay,
    Commissioning,
    Crane,
    Curve,
    DesignLife,
    Expected,
    File,
    HoistSpeed,
    Model,
    NoGo,
    Permit,
    Post,
    Sensor,
    SiteTable,
)

# One of everything; tests break one line of it.
WHOLE = """\
[site]
id = "gate"
timezone = "Asia/Shanghai"
hours = [["06:00", "22:00"]]

[models.small]
jib_m = 50.0
max_moment_tm = 80.0
charts = [
  { falls = 2, points = [[2.5, 3.0], [25.0, 3.0], [40.0, 1.7], [50.0, 1.3]] },
]
[[cranes]]
id = "crane-1"
model = "small"
falls = 2
position_m = [0.0, 0.0]
slew_zero_deg = 0.0
hook_max_m = 38.0
mast_m = 42.0
property_no = "P-1"
limits = { moment = { alarm = 95 } }

[cranes.commissioning]
on = 2027-01-15
by = "installer"
envelope = { load_t = { empty = [-0.1, 0.1] } }

[[cranes.sensors]]
channel = "load_t"
unit = "t"
range = [0.0, 8.0]
calibrated_on = 2026-01-15
due_on = 2027-01-15

[[cranes]]
id = "crane-2"
model = "small"
falls = 2
position_m = [200.0, 0.0]
slew_zero_deg = 0.0
property_no = "P-2"

[[bays]]
id = "A"
design_force_kn = 12.0
[[bays.posts]]
id = "post-1"
neighbours = ["post-2"]
span_m = 0.9
[[bays.posts]]
id = "post-2"

[[zones]]
zh = "学校"
en = "school"
corners = [[0, 0], [10, 0], [10, 10]]

[[contacts]]
contact = "wang"
name = "王工"
role = "safety_officer"
channels = [{ name = "mail", means = "mail", url = "json://127.0.0.1/token-of-wang" }]

[[notify.alarm.steps]]
after_s = 0
contact = "wang"

[[roster]]
contact = "wang"
role = "safety_officer"
begin = 2027-01-15T07:00:00+08:00
end = 2027-01-22T07:00:00+08:00
"""

_NOON = datetime(2099, 1, 15, 4, tzinfo=UTC)
_label = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=8).filter(
    lambda text: bool(text.strip())
)
_number = st.integers(1, 400).map(lambda n: n / 8)


def _maybe(strategy: "st.SearchStrategy[Any]") -> "st.SearchStrategy[Any]":
    return st.none() | strategy


@st.composite
def _curve(draw: "st.DrawFn", falls: int) -> Curve:
    radii = sorted(draw(st.sets(st.integers(2, 60), min_size=2, max_size=5)))
    loads = sorted(draw(st.lists(st.integers(1, 60), min_size=len(radii), max_size=len(radii))), reverse=True)
    return Curve(falls=falls, points=[(float(r), q / 4) for r, q in zip(radii, loads, strict=True)])


@st.composite
def _model(draw: "st.DrawFn") -> Model:
    return Model(
        jib_m=60.0, maker=draw(_maybe(_label)), counter_jib_m=draw(_maybe(st.just(12.5))),
        charts=[draw(_curve(falls)) for falls in sorted(draw(st.sets(st.sampled_from((1, 2, 4)), min_size=1)))],
        hoists=draw(st.sampled_from(([], [HoistSpeed(falls=2, mps=1.25)]))),
        design=draw(_maybe(st.just(DesignLife(stated_by="maker", u_class="U4", q_class="Q2")))),
    )  # fmt: skip


@st.composite
def _crane(draw: "st.DrawFn", n: int, models: dict[str, Model]) -> Crane:
    model = draw(st.sampled_from(sorted(models)))
    sensor = Sensor(channel="load_t", unit="t", range=(0.0, 8.0), serial=draw(_maybe(_label)),
                    calibrated_on=draw(_maybe(st.dates(date(2020, 1, 1), date(2026, 1, 1)))))  # fmt: skip
    found = Commissioning(on=date(2026, 5, 1), by=draw(_label), sectors_deg=[(350.0, 120.0)],
                          envelope={"load_t": Expected(empty=(-0.125, 0.25), zero=0.5)})  # fmt: skip
    return Crane(
        id=f"crane-{n}", model=model, falls=models[model].charts[0].falls, position_m=(n * 40.0, draw(_number)),
        display_name=draw(_maybe(st.just(f"{n}#塔机"))), slew_zero_deg=draw(_maybe(_number)),
        limits=draw(st.sampled_from(({}, {"moment": {"alarm": 97.5}}))),
        terminal=draw(_maybe(st.sampled_from(("none", "cab")))), cab_sound=draw(st.sampled_from(("all", "extra"))),
        serial=draw(_maybe(st.just(f"S-{n}"))), tilt_zero_deg=draw(_maybe(st.just((0.125, -0.25)))),
        sensors=draw(st.sampled_from(([], [sensor]))), commissioning=draw(_maybe(st.just(found))),
        organisation=draw(_maybe(_label)), params=draw(_maybe(_label)), interval_ms=draw(_maybe(st.just(200))),
        design=draw(_maybe(st.just(DesignLife(stated_by="owner", cycles=63_000, before_cycles=7)))),
    )  # fmt: skip


@st.composite
def _bay(draw: "st.DrawFn", name: str) -> Bay:
    if draw(st.booleans()):
        return Bay(id=name, count=draw(st.integers(1, 9)), first=100 * ord(name) % 9000, design_force_kn=12.5,
                   display_name=draw(_maybe(_label)))  # fmt: skip
    ids = [f"{name.lower()}-{n}" for n in range(draw(st.integers(1, 4)))]
    posts = [
        Post(id=id_, position_m=draw(_maybe(st.just((1.5, 2.25)))), design_force_kn=draw(_maybe(_number)),
             neighbours=[other for other in ids if other != id_] if draw(st.booleans()) else [])
        for id_ in ids
    ]  # fmt: skip
    return Bay(id=name, posts=posts, design_force_kn=draw(_maybe(_number)), call=draw(_maybe(_label)))


@st.composite
def files(draw: "st.DrawFn", site: str = "gate") -> File:
    """A site file that is good."""
    models = {name: draw(_model()) for name in draw(st.sets(st.sampled_from(("A", "b 8", "型")), min_size=1))}
    cranes = [draw(_crane(n, models)) for n in range(draw(st.integers(1, 3)))]
    bays = [draw(_bay(name)) for name in sorted(draw(st.sets(st.sampled_from("ABC"), max_size=2)))]
    zone = NoGo(
        zh=draw(_label), en="school", corners=[(0.0, 0.0), (9.0, 0.0), (9.0, 9.0)], below_m=draw(_maybe(_number))
    )
    permits = [
        Permit(permit="P-7", bay=bay.id, begin=_NOON, end=_NOON + timedelta(hours=8), crane=cranes[0].id)
        for bay in bays[:1]
    ]
    person = Contact(
        contact="wang", name=draw(_label), role=draw(_maybe(st.just(Role.SAFETY_OFFICER))),
        quiet=draw(_maybe(st.just(("22:00", "06:00")))), language=draw(st.sampled_from(("zh", "both"))),
        channels=[Channel(name="mail", means=Means.MAIL, url=Address("json://127.0.0.1/t"))] * draw(st.integers(0, 1)),
    )  # fmt: skip
    duty = Duty(contact="wang", role=Role.SITE_MANAGER, begin=_NOON, end=_NOON + timedelta(days=7),
                shift=draw(st.sampled_from(Shift)))  # fmt: skip
    steps = [Step(after_s=0.0, contact="wang"), Step(after_s=30.5, duty="any", means=[Means.CALL])]
    return File(
        site=SiteTable(id=site, display_name=draw(_maybe(_label)), organisation=draw(_maybe(_label)),
                       hours=draw(st.sampled_from(([], [("06:00", "22:00")])))),
        models=models, cranes=cranes, bays=bays, zones=draw(st.sampled_from(([], [zone]))), pours=permits,
        contacts=[person], roster=draw(st.sampled_from(([], [duty]))),
        notify=draw(_maybe(st.just(Plan(life_safety=Ladder(steps=steps), supervised=Ladder(), terminal_s=2.5)))),
    )  # fmt: skip
