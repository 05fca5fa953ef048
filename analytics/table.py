"""
State of many devices as a structure of growing numpy arrays, one row a device.

Rule 1: every array is C-contiguous with the row first, so that reductions run along the last axis and a result
does not depend on how many devices a batch holds (measured: column-wise sums do depend on it).
"""

from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import DTypeLike, NDArray

Array = NDArray[Any]

NEVER: Final = -(2**62)  # a time before all others, in ms; differences of two of them still fit


class Field(msgspec.Struct, frozen=True):
    """One array: the shape of a row, the type, and what a new row holds."""

    shape: tuple[int, ...]
    dtype: str
    fill: float


def field(dtype: DTypeLike, fill: float = 0, *shape: int) -> Field:
    """Declare an array."""
    return Field(shape, np.dtype(dtype).str, fill)


class Table:
    """Named arrays that grow together."""

    def __init__(self, fields: dict[str, Field]) -> None:
        self._fields = fields
        self._arrays: dict[str, Array] = {}
        self._capacity = 0
        self.rows = 0
        self._grow(16)

    def __getitem__(self, name: str) -> Array:
        """The whole array, spare capacity included: index it with rows that exist."""
        return self._arrays[name]

    def add(self) -> int:
        """A new row, filled as declared."""
        if self.rows == self._capacity:
            self._grow(2 * self._capacity)
        self.rows += 1
        return self.rows - 1

    def _grow(self, capacity: int) -> None:
        for name, declared in self._fields.items():
            array = np.full((capacity, *declared.shape), declared.fill, np.dtype(declared.dtype))
            if self.rows:
                array[: self.rows] = self._arrays[name][: self.rows]
            self._arrays[name] = array
        self._capacity = capacity

    def freeze(self) -> dict[str, Array]:
        """A copy of all rows."""
        return {name: array[: self.rows].copy() for name, array in self._arrays.items()}

    def restore(self, rows: int, raw: dict[str, bytes]) -> None:
        """Take over what `pack` made of `freeze`. Raises ValueError when it is not of this shape."""
        if set(raw) - set(self._fields) and rows:
            raise ValueError(f"the snapshot has other arrays: {sorted(set(raw) - set(self._fields))}")
        # An array that an older version did not have begins as declared: an upgrade is no warm start.
        self.rows = 0
        self._grow(max(16, rows))
        self.rows = rows
        for name, data in raw.items():
            declared = self._fields[name]
            array = np.frombuffer(data, np.dtype(declared.dtype))
            self._arrays[name][:rows] = array.reshape((rows, *declared.shape))


def pack(frozen: dict[str, Array]) -> dict[str, bytes]:
    """The bytes of frozen arrays."""
    return {name: array.tobytes() for name, array in frozen.items()}
