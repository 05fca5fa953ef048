"""Frames of one boot: numbers them from 1 and packs as many samples into each as the device was set to."""

from collections.abc import Mapping
from typing import Any

from telemetry.wire import frames


class Framer:
    """Turns samples into the payloads of one boot."""

    def __init__(self, kind: str, boot: str, samples_per_frame: int = 1, *, msgpack: bool = False) -> None:
        self._frame = frames.FRAMES[kind]
        self._sample = frames.SAMPLES[kind]
        self._size = samples_per_frame
        self._msgpack = msgpack
        self._waiting: list[Mapping[str, Any]] = []
        self.boot = boot
        self.seq = 0

    def add(self, sample: Mapping[str, Any]) -> tuple[int, bytes] | None:
        """Take a sample; gives (seq, payload) when a frame is full."""
        self._waiting.append(sample)
        return self.flush() if len(self._waiting) >= self._size else None

    def flush(self) -> tuple[int, bytes] | None:
        """The frame of the samples that wait, if any do."""
        if not self._waiting:
            return None
        self.seq += 1
        if self._size == 1:
            frame = self._frame(boot=self.boot, seq=self.seq, **self._waiting[0])
        else:
            samples = [self._sample(**sample) for sample in self._waiting]
            frame = self._frame(boot=self.boot, seq=self.seq, samples=samples)
        self._waiting = []
        return self.seq, frames.encode(frame, msgpack=self._msgpack)
