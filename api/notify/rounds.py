"""
One turn of a notifier: news become runs, what is due becomes messages; one transaction, or nothing of it.

Rule 1: what is decided here is decided from the record, but for who speaks for whom, which cab sounds and whether a
site is heard: those are observed, and a restart decides them anew.
Rule 2: nobody is left out in silence: a ladder that reaches nobody is counted, recorded, and told to the next step.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from api.notify import announcing, escalation, wording
from api.notify.hearing import Hearing
from api.notify.metrics import NotifyMetrics
from api.notify.settings import NotifySettings
from api.notify.wording import Old, Told
from telemetry import ladder
from telemetry.clock import to_datetime
from telemetry.errors import ConfigError
from telemetry.escalation import MONITORING, Message, News, Outcome, Run, Sort, Taken
from telemetry.ladder import Contact, Means, Plan, Step, Urgency
from telemetry.model import PROOF_RULES
from telemetry.storage.escalations import Facts, Turn
from telemetry.storage.roster import Standing
from telemetry.wire.payloads import Words

logger = logging.getLogger(__name__)

_SHORT = frozenset({Means.SMS, Means.CALL})
_LOST = Words(zh="监测中断", en="NOT MONITORED")


class Round:
    """A turn; its life is one transaction."""

    def __init__(
        self, turn: Turn, hearing: Hearing, settings: NotifySettings, metrics: NotifyMetrics, *, listened: bool
    ) -> None:
        """`listened`: this process has listened long enough to say that a site is not heard."""
        self._turn = turn
        self._hearing = hearing
        self._settings = settings
        self._metrics = metrics
        self._listened = listened
        self._standings: dict[str, Standing | None] = {}

    async def work(self) -> bool:
        """Do all that is to be done now; whether there may be more at once. Raises StorageError."""
        news = await self._turn.news(self._settings.old_s)
        taken = len(news)
        self._metrics.news.inc(taken)
        news = [one for one in news if not await self._announced(one)]
        late = await self._hear(news)
        await self._watch()
        due = await self._turn.due()
        for run in due:
            await self._go(run, late)
        await self._summarise(late)
        return taken >= 500 or len(due) >= 500

    # News

    async def _hear(self, news: Sequence[News]) -> dict[str, tuple[Run, News]]:
        """Fold the news into runs; those that began with old news, by cause."""
        places = {(one.device_id, one.transition.rule) for one in news}
        runs: dict[tuple[int, str], Run | None] = {**await self._turn.open(places)} if places else {}
        known = await self._turn.known([one.transition.id for one in news]) if news else set()
        terminals = await self._turn.terminals({one.device_id for one in news}) if news else set()
        late: dict[str, tuple[Run, News]] = {}
        for one in news:
            transition = one.transition
            place = (one.device_id, transition.rule)
            standing = await self._standing(transition.site)
            plan = standing.plan if standing is not None else Plan()
            cab = one.device_id in terminals and self._hearing.sounded(transition.id)
            run, begun = escalation.heard(runs.get(place), one, plan, cab=cab, gather_s=self._settings.gather_s)
            if run is not None:
                run = await self._save(run)
                runs[place] = None if run.ended is not None else run
                if run.cause in late:
                    late[run.cause] = (run, late[run.cause][1])
            if begun is not None and begun.cause not in known:
                begun = await self._save(begun)
                known.add(begun.cause)
                runs[place] = begun
                if one.old and begun.attended:
                    late[begun.cause] = (begun, one)
        return late

    async def _announced(self, one: News) -> bool:
        """Whether this is of a test, which is told as such and goes up no ladder."""
        if one.transition.rule not in PROOF_RULES:
            return False
        standing = await self._standing(one.transition.site)
        if standing is not None:
            name = await self._turn.called(one.device_id)
            await self._turn.put(announcing.messages(one, name, standing))
        return True

    # What nobody watches

    async def _watch(self) -> None:
        if self._listened:
            for site, since in await self._turn.silent(self._settings.lost_s):
                self._metrics.lost.inc()
                logger.warning("the monitoring of %s is not heard", site, extra={"action": "lost"})
                standing = await self._standing(site)
                run = escalation.lost(site, since, self._turn.now, standing.plan if standing is not None else Plan())
                if not await self._turn.known([run.cause]):
                    await self._save(run)
        back = await self._turn.returned()
        for run in await self._turn.lost() if back else []:
            if run.site in back and run.rule == MONITORING:
                await self._save(escalation.back(run, self._turn.now))
                await self._tell_back(run)

    async def _tell_back(self, run: Run) -> None:
        """Whoever was told that a site is not monitored is told that it is again."""
        standing = await self._standing(run.site)
        if standing is None:
            return
        told = self._of_site(run, standing)
        messages = []
        for name, channel in await self._turn.told(run):
            contact = standing.contacts.get(name)
            if contact is not None:
                text = wording.monitoring(told, contact.language, back=True)
                key = f"{run.cause}/back/{name}/{channel}"
                messages.append(
                    Message(key=key, site=run.site, contact=name, channel=channel, sort=Sort.SUMMARY, run=run.number,
                            life_safety=False, title=text.title, body=text.body)
                )  # fmt: skip
        await self._turn.put(messages)

    # What is due

    async def _go(self, run: Run, late: dict[str, tuple[Run, News]]) -> None:
        if run.cause in late and run.urgency is not Urgency.LIFE_SAFETY:
            return  # told with the others
        now = self._turn.now
        if run.render_due is not None and run.render_due <= now:
            run = escalation.looked(run, now, rendered=await self._turn.rendered(run))
            if run.unseen:
                self._metrics.unseen.inc()
        facts = await self._turn.facts(run) if run.due is not None and run.due <= now else None
        spoken_for = facts is not None and self._hearing.spoken_for((run.site, facts.kind, facts.device, run.rule))
        standing = await self._standing(run.site)
        if standing is None:
            await self._save(replace(run, due=now + timedelta(seconds=escalation.LOOK_S) if run.due else None))
            return
        before = run
        run, steps, taken = escalation.take(
            run, now, standing.plan, lambda step: ladder.told(step, standing.contacts, standing.duties),
            spoken_for=spoken_for,
        )  # fmt: skip
        run = await self._save(run, taken)
        for one in taken:
            self._metrics.steps.labels(run.urgency, one.outcome).inc()
        if steps:
            await self._tell(replace(run, nobody=_nobody(before, taken)), steps, taken, facts, standing)
        elif run.due is None and run.told is None and any(one.outcome is Outcome.NOBODY for one in taken):
            self._metrics.unreachable.labels(run.urgency).inc()
            logger.log(
                logging.ERROR if run.urgency is Urgency.LIFE_SAFETY else logging.WARNING,
                "an alarm at %s reached nobody: no contact, nobody on duty, or no channel", run.site,
                extra={"action": "unreachable"},
            )  # fmt: skip

    async def _tell(
        self, run: Run, steps: Iterable[Step], taken: Sequence[Taken], facts: Facts | None, standing: Standing
    ) -> None:
        told = self._of_device(run, facts, standing) if facts is not None else self._of_site(run, standing)
        numbers = {one.who: one.step for one in taken}
        messages: dict[str, Message] = {}
        for step in steps:
            n = numbers[step.who]
            for contact in ladder.told(step, standing.contacts, standing.duties):
                at = replace(told, level=n + 1)
                text = (
                    wording.alarm(at, contact.language)
                    if facts is not None
                    else wording.monitoring(at, contact.language, back=False)
                )
                for channel in contact.by(step.means):
                    put = wording.short(text) if channel.means in _SHORT else text
                    key = f"{run.cause}/{run.turn}/{n}/{contact.contact}/{channel.name}"
                    messages[key] = Message(
                        key=key, site=run.site, contact=contact.contact, channel=channel.name, sort=Sort.ALARM,
                        life_safety=run.urgency is Urgency.LIFE_SAFETY, title=put.title, body=put.body,
                        run=run.number, due=self._held(run.urgency, contact, standing.zone),
                    )  # fmt: skip
        await self._turn.put(messages.values())

    def _held(self, urgency: Urgency, contact: Contact, zone: ZoneInfo) -> datetime | None:
        """Until when quiet hours hold a message; what is about lives is never held."""
        return None if urgency is Urgency.LIFE_SAFETY else contact.quiet_until(self._turn.now, zone)

    # What is told too late

    async def _summarise(self, late: dict[str, tuple[Run, News]]) -> None:
        """Old alarms of a site as one message; those about lives that nobody has are told one by one before."""
        by_site: dict[str, list[tuple[Run, News]]] = {}
        for run, one in late.values():
            alone = run.urgency is Urgency.LIFE_SAFETY and run.ended is None
            standing = await self._standing(run.site)
            if standing is not None and not alone and standing.plan.ladder(run.urgency).steps:
                by_site.setdefault(run.site, []).append((run, one))
        for site, found in by_site.items():
            standing = await self._standing(site)
            if standing is None:
                continue
            alarms = []
            for run, _ in found:
                facts = await self._turn.facts(run)
                if facts is not None:
                    alarms.append(self._of_device(run, facts, standing))
                if run.ended is None:
                    run, taken = escalation.summarised(run)
                    await self._save(run, [taken])
                self._metrics.steps.labels(run.urgency, Outcome.SUMMARISED).inc()
            old = Old(standing.display_name, standing.zone, alarms, sum(run.ended is not None for run, _ in found))
            key = f"late/{site}/{found[0][1].position}-{found[-1][1].position}"
            worst = max((run.urgency for run, _ in found), key=list(Urgency)[::-1].index)
            await self._turn.put(self._late(key, site, old, standing, worst))

    def _late(self, key: str, site: str, old: Old, standing: Standing, urgency: Urgency) -> list[Message]:
        messages = []
        steps = standing.plan.ladder(urgency).steps
        people = (ladder.told(step, standing.contacts, standing.duties) for step in steps)
        for contact in next(filter(None, people), []):
            text = wording.summary(old, contact.language)
            for channel in contact.by([]):
                messages.append(
                    Message(key=f"{key}/{contact.contact}/{channel.name}", site=site, contact=contact.contact,
                            channel=channel.name, sort=Sort.SUMMARY, life_safety=False, title=text.title,
                            body=text.body, due=self._held(Urgency.ALARM, contact, standing.zone))
                )  # fmt: skip
        return messages

    # Words

    def _of_device(self, run: Run, facts: Facts, standing: Standing) -> Told:
        one = facts.transition
        url = self._settings.public_url
        return Told(
            site=standing.display_name, zone=standing.zone, device=facts.display_name or facts.device,
            severity=run.severity, urgency=run.urgency, active=run.active, operator=facts.operator,
            what=wording.what(one) if one is not None else Words(zh=run.rule, en=run.rule),
            action=one.action if one is not None else None,
            since=_moment(one.at, run.began) if one is not None else run.began, unseen=run.unseen, nobody=run.nobody,
            link=f"{url.rstrip('/')}/m/{run.site}/{facts.device}/{run.rule}" if url else None,
        )  # fmt: skip

    def _of_site(self, run: Run, standing: Standing) -> Told:
        heard = _moment(int(run.cause.rpartition(":")[2]), run.began)
        url = self._settings.public_url
        return Told(
            site=standing.display_name, zone=standing.zone, device=standing.display_name, severity=run.severity,
            urgency=run.urgency, active=run.active, what=_LOST, action=None, since=heard, nobody=run.nobody,
            link=f"{url.rstrip('/')}/m" if url else None,
        )  # fmt: skip

    async def _standing(self, site: str) -> Standing | None:
        """Who is told at a site; asked once a turn. A table that cannot be read stops no other site's."""
        if site not in self._standings:
            try:
                self._standings[site] = await self._turn.standing(site)
            except ConfigError as error:
                logger.warning("whom to tell at %s cannot be read: %s", site, error, extra={"action": "standing"})
                self._standings[site] = None
        return self._standings[site]

    async def _save(self, run: Run, taken: Iterable[Taken] = ()) -> Run:
        return replace(run, number=await self._turn.save(run, taken))


def _nobody(before: Run, taken: Iterable[Taken]) -> bool:
    """Whether whoever is told now is to be told that a step before them has nobody."""
    return before.nobody or any(one.outcome is Outcome.NOBODY for one in taken)


def _moment(ms: int, otherwise: datetime) -> datetime:
    """A device's time, if it is one that a calendar has."""
    try:
        return to_datetime(ms)
    except (OverflowError, ValueError):
        return otherwise
