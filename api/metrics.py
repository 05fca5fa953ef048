"""What the API counts: one object, on a registry that is passed in."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ApiMetrics:
    """Labels come from closed sets: a route's template, a status class, a topic's leaf."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self.requests = Counter(
            "cranewatch_api_requests", "HTTP requests answered.", ["route", "status"], registry=registry
        )
        self.request_seconds = Histogram(
            "cranewatch_api_request_seconds",
            "Time to answer a request.",
            ["route"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self.arrivals = Counter("cranewatch_api_arrivals", "MQTT messages seen.", ["leaf"], registry=registry)
        self.refused = Gauge("cranewatch_api_refused", "MQTT messages that could not be read.", registry=registry)
        self.dropped = Gauge(
            "cranewatch_api_readings_dropped", "Readings dropped because too many waited.", registry=registry
        )
        self.devices = Gauge("cranewatch_api_devices", "Devices in the live picture.", registry=registry)
        self.broker_up = Gauge("cranewatch_api_broker_up", "1 while the broker is connected.", registry=registry)
        self.live_clients = Gauge("cranewatch_api_live_clients", "Live sockets connected.", registry=registry)
        self.live_slow = Gauge(
            "cranewatch_api_live_slow", "Live sockets closed because they were too slow.", registry=registry
        )
        self.configs = Counter(
            "cranewatch_api_configs", "Configurations, by what was done with them.", ["outcome"], registry=registry
        )
        self.responses = Counter(
            "cranewatch_api_responses", "People's responses published.", ["action"], registry=registry
        )
