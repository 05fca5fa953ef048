"""What the notifier counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class NotifyMetrics:
    """Labels come from closed sets: an urgency, what became of a message."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.turns = Counter(
            "cranewatch_notify_turns", "Looks at the record.", ["outcome"], registry=registry
        )  # mine, other, failed
        self.news = Counter("cranewatch_notify_news", "Transitions looked at.", registry=registry)
        self.behind = Gauge("cranewatch_notify_behind", "Transitions that nobody has looked at.", registry=registry)
        self.steps = Counter(
            "cranewatch_notify_steps", "Steps of ladders, by what became of them.", ["urgency", "outcome"],
            registry=registry,
        )  # fmt: skip
        self.unreachable = Counter(
            "cranewatch_notify_unreachable", "Alarms for which a ladder reached nobody at all.", ["urgency"],
            registry=registry,
        )  # fmt: skip
        self.unseen = Counter(
            "cranewatch_notify_unseen", "Alarms that no terminal rendered where one is expected.", registry=registry
        )
        self.lost = Counter("cranewatch_notify_lost", "Times that a site's heartbeat was lost.", registry=registry)
        self.proofs = Counter("cranewatch_notify_proofs", "Proof tests, by outcome.", ["outcome"], registry=registry)
        self.sent = Counter(
            "cranewatch_notify_messages", "Attempts at messages.", ["outcome"], registry=registry
        )  # sent, failed, dead
        self.send_seconds = Histogram(
            "cranewatch_notify_send_seconds", "Time that a channel takes.",
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20), registry=registry,
        )  # fmt: skip
        self.waiting = Gauge("cranewatch_notify_waiting", "Messages that wait to be sent.", registry=registry)
        self.dead = Gauge("cranewatch_notify_dead", "Dead letters.", registry=registry)
        self.oldest = Gauge(
            "cranewatch_notify_oldest_seconds", "For how long a message that is due has been due.", registry=registry
        )
        self.database_up = Gauge(
            "cranewatch_notify_database_up", "1 while the database answers: without it nobody is told.",
            registry=registry,
        )  # fmt: skip
        self.broker_up = Gauge("cranewatch_notify_broker_up", "1 while the broker is connected.", registry=registry)
