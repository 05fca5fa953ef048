"""What the analyzer counts."""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from analytics.outcome import Outcome


class AnalyzerMetrics:
    """One set of metrics, made once with the registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.messages = Counter(
            "cranewatch_analyzer_messages", "Messages taken, by what they were.", ["leaf"], registry=registry
        )
        self.ignored = Counter(
            "cranewatch_analyzer_ignored", "Messages ignored, by reason; ingest quarantines them.", ["reason"],
            registry=registry,
        )  # fmt: skip
        self.samples = Counter("cranewatch_analyzer_samples", "Samples evaluated.", registry=registry)
        self.late = Counter(
            "cranewatch_analyzer_late_frames", "Frames behind the cursor, left to review.", registry=registry
        )
        self.conditions = Counter("cranewatch_analyzer_conditions", "Rule conditions evaluated.", registry=registry)
        self.transitions = Counter(
            "cranewatch_analyzer_transitions", "Transitions, by signal.", ["signal"], registry=registry
        )
        self.refused_responses = Counter(
            "cranewatch_analyzer_refused_responses", "Responses that could not be carried out.", registry=registry
        )
        self.publish_refused = Counter(
            "cranewatch_analyzer_publish_refused", "Publishes that the broker refused.", registry=registry
        )
        self.outbox_dropped = Counter(
            "cranewatch_analyzer_outbox_dropped", "Unconfirmed publishes dropped at the bound.", registry=registry
        )
        self.journal_errors = Counter(
            "cranewatch_analyzer_journal_errors", "Batches that the journal did not take.", registry=registry
        )
        self.unjournalled = Counter(
            "cranewatch_analyzer_unjournalled_acknowledged",
            "Messages acknowledged without a journal, so that alarms go on.",
            registry=registry,
        )
        self.ticks_dropped = Counter(
            "cranewatch_analyzer_ticks_dropped", "Ticks of another run or connection.", registry=registry
        )
        self.snapshots = Counter("cranewatch_analyzer_snapshots", "Snapshots written.", registry=registry)
        self.devices = Gauge("cranewatch_analyzer_devices", "Devices known.", registry=registry)
        self.open = Gauge("cranewatch_analyzer_open_alarms", "Alarms that are not normal.", registry=registry)
        self.outbox = Gauge("cranewatch_analyzer_outbox", "Publishes not yet confirmed.", registry=registry)
        self.feed_seconds = Histogram(
            "cranewatch_analyzer_batch_seconds", "From taking a batch to having published what it led to.",
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5), registry=registry,
        )  # fmt: skip
        self.freeze_seconds = Gauge(
            "cranewatch_analyzer_freeze_seconds", "How long the last snapshot held the loop.", registry=registry
        )

    def count(self, leaves: Mapping[str, int], ignored: Mapping[str, int], outcome: Outcome) -> None:
        """What a batch held, by what it was and by why it was not looked at, and what it led to."""
        for leaf, n in leaves.items():
            self.messages.labels(leaf).inc(n)
        for reason, n in ignored.items():
            self.ignored.labels(reason).inc(n)
        if outcome.samples:
            self.samples.inc(outcome.samples)
            self.conditions.inc(outcome.conditions)
        if outcome.late:
            self.late.inc(outcome.late)
        for transition in outcome.transitions:
            self.transitions.labels(transition.signal).inc()
        self.refused_responses.inc(len(outcome.refused))
