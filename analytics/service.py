"""The analyzer of one worker: its partitions, side by side."""

import asyncio

from analytics.journal import PartitionTaken
from analytics.metrics import AnalyzerMetrics
from analytics.partition import Fenced, Partition
from analytics.settings import AnalyzerSettings
from telemetry.settings import MqttSettings, PartitionSettings


class Analyzer:
    """All partitions of one worker."""

    def __init__(
        self, mqtt: MqttSettings, partition: PartitionSettings, settings: AnalyzerSettings, metrics: AnalyzerMetrics
    ) -> None:
        """The worker opens the partitions p with p mod workers = worker."""
        self.partitions = [
            Partition(number, mqtt, partition, settings, metrics)
            for number in range(partition.count)
            if number % partition.workers == partition.worker
        ]

    async def run(self, stop: asyncio.Event) -> None:
        """Watch until `stop` is set. Raises PartitionTaken or Fenced."""
        try:
            async with asyncio.TaskGroup() as tasks:
                for number, partition in enumerate(self.partitions):
                    tasks.create_task(partition.run(stop), name=f"analytics.p{number}")
        except* (PartitionTaken, Fenced) as group:
            raise group.exceptions[0] from None
