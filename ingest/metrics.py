"""What ingest counts: one object, on a registry that is passed in."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class IngestMetrics:
    """Labels come from closed sets: a lane, a reason. A device id is data, not a label."""

    def __init__(self, registry: CollectorRegistry) -> None:
        lane = ["lane"]
        self.frames = Counter("cranewatch_ingest_frames", "Frames stored.", lane, registry=registry)
        self.readings = Counter("cranewatch_ingest_readings", "Readings stored.", lane, registry=registry)
        self.duplicates = Counter(
            "cranewatch_ingest_duplicates", "Readings that were there already.", lane, registry=registry
        )
        self.misdated = Counter(
            "cranewatch_ingest_misdated", "Readings outside the time window.", lane, registry=registry
        )
        self.notes = Counter("cranewatch_ingest_notes", "Events, responses, transitions.", lane, registry=registry)
        self.quarantined = Counter(
            "cranewatch_ingest_quarantined", "Messages quarantined.", ["lane", "reason"], registry=registry
        )
        self.commits = Counter("cranewatch_ingest_commits", "Transactions committed.", lane, registry=registry)
        self.retries = Counter(
            "cranewatch_ingest_retries", "Attempts that the database could not take.", lane, registry=registry
        )
        self.receipts = Counter("cranewatch_ingest_receipts", "Receipts published.", registry=registry)
        self.held = Gauge("cranewatch_ingest_held", "Messages held unacknowledged.", lane, registry=registry)
        self.connected = Gauge("cranewatch_ingest_connected", "1 while the session is open.", lane, registry=registry)
        self.sessions_lost = Counter(
            "cranewatch_ingest_sessions_lost", "Sessions that the broker no longer had.", lane, registry=registry
        )
        self.lost = Counter(
            "cranewatch_ingest_lost", "Frames declared lost: nobody waits for them any more.", registry=registry
        )
        self.held_back = Gauge(
            "cranewatch_ingest_retention_held",
            "1 while old readings are kept longer because some of them wait for their review.",
            registry=registry,
        )
        self.store_seconds = Histogram(
            "cranewatch_ingest_store_seconds",
            "Time to store one batch.",
            lane,
            buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30),
            registry=registry,
        )
