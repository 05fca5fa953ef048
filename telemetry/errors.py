"""
The errors that a caller reacts to differently. Everything else is a builtin.

    CranewatchError
    ├── WireError               a message is not what it should be: quarantine it, `reason` is a closed set
    ├── ConfigError             a site file, profile or setting is wrong: tell the person, change nothing
    ├── BrokerUnavailable       no broker: wait and retry
    └── StorageError
        ├── StorageUnavailable  the database cannot take it now: retry, acknowledge nothing
        ├── StorageRefused      the data cannot be stored: halve the batch until the frame is alone
        └── StorageStrained     either: halve first, retry after
"""

from enum import StrEnum


class CranewatchError(Exception):
    """The root."""


class Refusal(StrEnum):
    """Why a message went to quarantine. A closed set: it is a metric label and a filter in the API."""

    TOPIC = "topic"  # not a topic of ours, or an id outside [a-z0-9-]{1,64}
    KIND = "kind"  # a kind that is not declared
    OVERSIZED = "oversized"  # above 64 KiB
    MALFORMED = "malformed"  # not JSON and not MessagePack
    INVALID = "invalid"  # JSON or MessagePack, but not the declared shape
    TIME_SPAN = "time_span"  # samples of one frame more than a day apart
    DEVICES = "devices"  # a device that we do not know, and no room for more
    DATABASE = "database"  # the database refused these values, in its own words


class WireError(CranewatchError):
    """A message that cannot be understood; `detail` says where, in words for the device's maker."""

    def __init__(self, reason: Refusal, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class ConfigError(CranewatchError):
    """A file or setting that a person has to correct."""


class BrokerUnavailable(CranewatchError):
    """The broker does not answer, or the connection was lost before it did."""


class StorageError(CranewatchError):
    """The database said no; `code` is its SQLSTATE, empty when it never answered."""

    def __init__(self, text: str, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class StorageUnavailable(StorageError):
    """Connection lost, shutting down, out of resources, read only: it will pass, so nothing is acknowledged."""


class StorageRefused(StorageError):
    """These values cannot be stored, however often they are sent."""


class StorageStrained(StorageError):
    """Too much at once, or unknown: smaller batches may pass, waiting may help."""
