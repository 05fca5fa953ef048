"""What the review counts."""

from prometheus_client import CollectorRegistry, Counter, Gauge


class ReviewMetrics:
    """One object, on a registry that is passed in."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.late = Gauge("cranewatch_review_late", "Frames that wait for their review.", registry=registry)
        self.reviews = Counter(
            "cranewatch_review_reviews", "Reviews, by what came of them.", ["outcome"], registry=registry
        )
        self.added = Counter("cranewatch_review_added", "Transitions that nobody had seen.", registry=registry)
        self.not_reproduced = Counter(
            "cranewatch_review_not_reproduced", "Live transitions that the whole record does not show.",
            registry=registry,
        )  # fmt: skip
        self.failures = Counter("cranewatch_review_failures", "Looks that ended in an error.", registry=registry)
