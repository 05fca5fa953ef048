"""Formwork under a pour: what is ordinary about it, and how it fails."""

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from msgspec.structs import replace

from simulators.faults import Drift, Fault, Stuck, Window
from simulators.labelled.boxes import START_MS, Box, Recording, record
from simulators.labelled.case import case
from simulators.labelled.faults import Swing
from simulators.labelled.plant import Floats, site, spans
from simulators.labelled.truth import Allowance, Event, Truth
from simulators.post import Effect, Lean, PostState, Pour, Shed, Sink
from simulators.scenario import AnyEvent, PourEvent, Scenario, Title, VibrateEvent
from simulators.site import PostSite
from simulators.station import PostStation, generator
from telemetry.model import Severity
from telemetry.wire.payloads import Pour as Permit

BAY: Final = "A"
SETTLE_MM, SHIFT_MM, TILT_PERMILLE, FORCE_PCT = 8.0, 12.0, 4.0, 100.0  # DBJ/T 15-197-2020 8.0.4, transcription
FIRST: Final = 0.8  # of each: pre-warning, the same
SETTLING: Final = {"settlement", "settlement_trend", "differential"}
HOUR = 3600.0
Faults = dict[str, tuple[Callable[[], Fault], ...]]


class Bay:
    """Posts on a grid, what is done to each, and what they were without noise."""

    def __init__(self, seed: int, events: Sequence[AnyEvent], *, force_kn: float = 8.6, design_kn: float = 13.2,
                 count: int = 12) -> None:  # fmt: skip
        posts = [replace(post, pour_force_kn=force_kn) for post in site().posts[:count]]
        scenario = Scenario(title=Title("", ""), event=list(events))
        self.posts: list[PostSite] = posts
        self.design_kn = design_kn
        self.stations = {post.id: PostStation(post, posts, scenario, START_MS, seed) for post in posts}

    @property
    def ids(self) -> frozenset[str]:
        """All posts, and the bay itself."""
        return frozenset({f"bay-{BAY.lower()}", *self.stations})

    def beside(self, post: str) -> list[PostSite]:
        """The posts next to this one on the grid."""
        own = next(one for one in self.posts if one.id == post)
        return [one for one in self.posts if abs(one.row - own.row) + abs(one.column - own.column) == 1]

    def add(self, post: str, effect: Effect) -> None:
        """Let something happen to one post."""
        self.stations[post].post.add(effect)

    def play(self, duration_s: float, every_s: float, label: Callable[[], Sequence[Event]] = tuple,
             faults: Faults | None = None, permits: Sequence[Permit] = ()) -> Recording:  # fmt: skip
        """
        Every post reports at this interval; the truth is what `label` gives and what the posts rightly say.

        `label` is called afterwards: only then is known what the pour did to each post.
        """
        traces, allowances = [], list[Allowance]()
        for post, station in self.stations.items():
            beside = [other.id for other in self.beside(post)]
            known = replace(site().devices["formwork", post], design_force_kn=self.design_kn, neighbours=beside)
            rows: list[tuple[float, float, float, float, float]] = []

            def look(t: float, station: PostStation = station, rows: list[tuple[float, ...]] = rows) -> None:  # type: ignore[assignment]  # bound per post
                state = station.post.at(t)
                tilt = 1000 * math.tan(math.radians(math.hypot(state.tilt_x_deg, state.tilt_y_deg)))
                rows.append((t, 100 * state.force_kn / self.design_kn, state.settle_mm,
                             math.hypot(state.shift_x_mm, state.shift_y_mm), tilt))  # fmt: skip

            traces += record(station, [Box(post, every_s, (faults or {}).get(post, ()))], known, duration_s, look)
            allowances += _lawful(post, np.array(rows).T)
        return Recording(traces, Truth(tuple(label()), tuple(allowances)), duration_s, pours=tuple(permits))


def _lawful(post: str, seen: Floats) -> list[Allowance]:
    """Where the level rules speak rightly, by the post itself."""
    t = seen[0]
    found = []
    for row, rule, limit in ((1, "force", FORCE_PCT), (2, "settlement", SETTLE_MM), (3, "shift", SHIFT_MM),
                             (4, "tilt", TILT_PERMILLE)):  # fmt: skip
        for share, most in ((FIRST, Severity.PREWARNING), (1.0, Severity.CRITICAL)):
            found += [Allowance(post, frozenset({rule}), start - 60.0, end + 300.0, most)
                      for start, end in spans(t, seen[row] >= 0.98 * share * limit, 60.0, 20.0)]  # fmt: skip
    return found


def _limit(bay: Bay, post: str, of: Callable[[PostState], float], level: float, from_s: float, to_s: float) -> float:
    """When this quantity of a post is at its limit. Raises ValueError when it never is."""
    return reached(lambda t: of(bay.stations[post].post.at(t)), level, from_s, to_s)


def reached(effect: Callable[[float], float], level: float, from_s: float, to_s: float) -> float:
    """The first time at which something that rises is at this level. Raises ValueError when it never is."""
    times = np.arange(from_s, to_s, 1.0)
    values = np.array([effect(float(t)) for t in times])
    if not (values >= level).any():
        raise ValueError("the limit is not reached")
    return float(times[np.argmax(values >= level)])


def _event(post: str, what: str, rules: set[str], onset: float, end: float, limit: float | None = None,
           *, life_safety: bool = True, also: frozenset[str] = frozenset()) -> Event:  # fmt: skip
    return Event(post, what, frozenset(rules), onset, end, limit_s=limit, life_safety=life_safety, late_s=120.0,
                 also=also)  # fmt: skip


@case(
    "pour-in-steps",
    "formwork",
    "分层浇筑：10 kN，tau 10 min，30 s 采样",
    "a pour in steps: 10 kN, tau 10 min, every 30 s",
    harmless=True,
)
def pour_in_steps(seed: int) -> Recording:
    """Three layers of a third each, an hour apart; the final force is 10 kN of 20 kN design. Noise 0.045 kN."""
    random = generator(seed, BAY, "layers")
    bay = Bay(seed, [], design_kn=20.0)
    for place, post in enumerate(bay.posts):
        # The joints close once: a third of them with each layer.
        joints = float(random.uniform(1.0, 3.0)) / 3
        for layer in range(3):
            at = 1800.0 + HOUR * layer + 90.0 * place
            bay.add(post.id, Pour(at, 10.0 / 3 * float(random.uniform(0.92, 1.08)), 600.0, joints_mm=joints))
    return bay.play(6 * HOUR, 30.0)


@case("vibrators", "formwork", "振捣引起的轴力尖峰", "vibrators beside the posts", harmless=True)
def vibrators(seed: int) -> Recording:
    """An ordinary pour, with a vibrator at every post for eight seconds every two minutes: 25 % on top."""
    posts = [post.id for post in site().posts[:12]]
    shake = VibrateEvent(at=900.0, devices=posts, share=0.25, for_s=8.0, repeat_s=120.0)
    return Bay(seed, [PourEvent(at=600.0, bay=BAY), shake], force_kn=7.0).play(2 * HOUR, 5.0)


@case(
    "days-after-the-pour", "formwork", "浇筑后三天：昼夜温差", "three days after a pour: day and night", harmless=True
)
def days_after(seed: int) -> Recording:
    """The slab sets; the sun moves settlement by 0.5 mm and tilt by 0.01 degrees, up and down."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY)], force_kn=7.0, count=4)
    sun: tuple[Callable[[], Fault], ...] = (lambda: Swing("settle_mm", 0.5), lambda: Swing("tilt_x_deg", 0.01))
    return bay.play(3 * 86_400.0, 300.0, faults={post.id: sun for post in bay.posts})


@case("formwork-creep", "formwork", "支架蠕变沉降", "a post creeps towards its settlement limit")
def creep(seed: int) -> Recording:
    """Two hours into the pour the base of a post gives way: 12 mm more within three hours, ever faster."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=7.0)
    start = 2 * HOUR
    bay.add("post-06", Sink(start, 12.0, 3 * HOUR))

    def label() -> list[Event]:
        limit = _limit(bay, "post-06", lambda state: state.settle_mm, SETTLE_MM, start, 5 * HOUR)
        return [_event("post-06", "creep", SETTLING, start, 5 * HOUR, limit)]

    return bay.play(5 * HOUR, 10.0, label)


@case("settlement-runs-away", "formwork", "浇筑中沉降加速", "settlement that speeds up in a pour")
def runs_away(seed: int) -> Recording:
    """Forty minutes into the pour a base fails: 12 mm within twenty-five minutes."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=7.0)
    bay.add("post-07", Sink(2400.0, 12.0, 1500.0))

    def label() -> list[Event]:
        limit = _limit(bay, "post-07", lambda state: state.settle_mm, SETTLE_MM, 2400.0, 4200.0)
        return [_event("post-07", "settlement runs away", SETTLING, 2400.0, 4200.0, limit)]

    return bay.play(4200.0, 10.0, label)


@case("prop-fails", "formwork", "立杆失稳卸载，邻杆加载", "a post unloads and its neighbours take its load")
def prop_fails(seed: int) -> Recording:
    """A post sheds 80 % of its force within two minutes; the four beside it take a quarter of that each."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=9.5)
    at, failing = 4200.0, bay.posts[5]
    beside = bay.beside(failing.id)
    bay.add(failing.id, Shed(at, 0.8, 120.0))
    for post in beside:
        bay.add(post.id, Shed(at, -0.8 / len(beside), 120.0))
    events = [_event(failing.id, "post unloads", {"unloading", "load_transfer", "force_trend"}, at, 6000.0,
                     also=bay.ids)]  # fmt: skip
    events += [_event(p.id, "takes its neighbour's load", {"force", "force_trend", "unloading"}, at, 6000.0,
                      life_safety=False) for p in beside]  # fmt: skip
    return bay.play(6000.0, 10.0, lambda: events)


@case("pour-too-fast", "formwork", "浇筑过快", "a pour that is too fast")
def pour_too_fast(seed: int) -> Recording:
    """
    The whole bay within three minutes and each post within two: six times as fast as an ordinary pour, and more than
    twice what its permit allows.
    """
    bay = Bay(seed, [PourEvent(at=900.0, bay=BAY, front_s=10.0, tau_s=(60.0, 90.0))])
    rules = {"pour_rate", "force_trend", "force"}
    # The bay is one: whichever post says it has said it.
    event = _event(bay.posts[0].id, "too fast", rules, 900.0, 1500.0, life_safety=False, also=bay.ids)
    permit = Permit(permit="P-1", bay=BAY, valid_from=START_MS, valid_to=START_MS + 86_400_000, max_kn_per_min=15.0)
    return bay.play(2400.0, 10.0, lambda: [event], permits=[permit])


@case("posts-settle-apart", "formwork", "差异沉降", "posts that settle apart")
def settle_apart(seed: int) -> Recording:
    """A corner goes down by 4 mm within two hours: nothing at its own limit, and 4 mm from its neighbour at 0.9 m."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=6.0)
    start = 5400.0
    bay.add("post-01", Sink(start, 4.0, 2 * HOUR))
    # The allowed difference over 0.9 m is 0.9 mm; the posts' joints alone differ by more, so: 3 mm beyond the start.
    limit = reached(lambda t: Sink(start, 4.0, 2 * HOUR).depth(t), 3.0, start, start + 2 * HOUR)
    event = _event("post-01", "settles apart", SETTLING, start, 4 * HOUR, limit, life_safety=False, also=bay.ids)
    return bay.play(4 * HOUR, 10.0, lambda: [event])


@case("post-leans", "formwork", "立杆倾斜外移", "a post leans out under constant load")
def post_leans(seed: int) -> Recording:
    """A brace works loose: a post leans by 0.3 degrees within an hour, and its head goes out by 40 mm."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=7.0)
    start, lean = 4800.0, Lean(4800.0, 0.3, HOUR)
    bay.add("post-08", lean)
    height = bay.posts[7].post_m * 1000
    limit = reached(lambda t: height * math.tan(math.radians(lean.tilt(t))), SHIFT_MM, start, start + HOUR)
    event = _event("post-08", "leans", {"shift", "tilt"}, start, 9000.0, limit)
    return bay.play(9000.0, 10.0, lambda: [event])


@case("force-over-design", "formwork", "立杆轴力超过设计值", "more force on a post than it was designed for")
def force_over_design(seed: int) -> Recording:
    """A heap of concrete: one post gets 15 kN of 13.2."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=6.0)
    start = 3000.0
    bay.add("post-10", Pour(start, 9.0, 500.0))

    def label() -> list[Event]:
        limit = _limit(bay, "post-10", lambda state: state.force_kn, bay.design_kn, start, 7000.0)
        return [_event("post-10", "overloaded", {"force", "force_trend"}, start, 7200.0, limit)]

    return bay.play(7200.0, 10.0, label)


@case("post-sensor-stuck", "formwork", "轴力传感器卡死", "a force cell that repeats its last value in a pour")
def post_stuck(seed: int) -> Recording:
    """In the middle of a pour one cell says the same for an hour, while its neighbours load."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=120.0, tau_s=(800.0, 900.0))], force_kn=8.0)
    stuck: Faults = {"post-06": (lambda: Stuck(Window(1300.0, HOUR), "force_kn"),)}
    event = _event("post-06", "force cell stuck", {"stuck", "sensor"}, 1300.0, 4900.0, life_safety=False)
    return bay.play(5400.0, 10.0, lambda: [event], faults=stuck)


@case("post-sensor-drifts", "formwork", "沉降传感器漂移", "a settlement sensor that drifts after the pour")
def post_drifts(seed: int) -> Recording:
    """After the pour a settlement sensor walks by 2 mm an hour: false, and nobody can know without a level."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY, front_s=30.0)], force_kn=7.0)
    drift: Faults = {"post-03": (lambda: Drift(Window(2 * HOUR), "settle_mm", 2.0),)}
    event = _event("post-03", "sensor drifts", SETTLING | {"sensor"}, 2 * HOUR, 6 * HOUR, life_safety=False)
    return bay.play(6 * HOUR, 30.0, lambda: [event], faults=drift)


@case("sampled-too-slowly", "formwork", "浇筑中采样不足每分钟两次", "a pour sampled less than twice a minute")
def sampled_too_slowly(seed: int) -> Recording:
    """The posts report once a minute during a pour: the standard asks for twice."""
    bay = Bay(seed, [PourEvent(at=600.0, bay=BAY)], force_kn=7.0, count=4)
    event = _event(bay.posts[0].id, "sampled too slowly", {"sampling"}, 660.0, 2400.0, life_safety=False, also=bay.ids)
    return bay.play(3600.0, 60.0, lambda: [event])
