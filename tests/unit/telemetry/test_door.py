"""Which errors wait, which quarantine: the table that the whole promise hangs on."""

import psycopg
import pytest
from psycopg import errors
from psycopg_pool import PoolTimeout

from telemetry.errors import StorageRefused, StorageStrained, StorageUnavailable
from telemetry.storage.door import classify, translated


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (psycopg.OperationalError("connection refused"), StorageUnavailable),
        (PoolTimeout("no connection"), StorageUnavailable),
        (errors.AdminShutdown("57P01"), StorageUnavailable),
        (errors.QueryCanceled("57014"), StorageUnavailable),
        (errors.DiskFull("53100"), StorageUnavailable),
        (errors.TooManyConnections("53300"), StorageUnavailable),
        (errors.DeadlockDetected("40P01"), StorageUnavailable),
        (errors.LockNotAvailable("55P03"), StorageUnavailable),
        (errors.ReadOnlySqlTransaction("25006"), StorageUnavailable),
        (errors.IoError("58030"), StorageUnavailable),
        (errors.OutOfMemory("53200"), StorageStrained),
        (errors.ConfigurationLimitExceeded("53400"), StorageStrained),
        (errors.InternalError_("XX000"), StorageStrained),
        (errors.UndefinedTable("42P01"), StorageStrained),
        (errors.NumericValueOutOfRange("22003"), StorageRefused),
        (errors.UniqueViolation("23505"), StorageRefused),
        (errors.DatatypeMismatch("42804"), StorageRefused),
        (psycopg.DataError("cannot dump"), StorageRefused),
    ],
)
def test_every_class_of_error_has_its_reaction(error: Exception, expected: type[Exception]) -> None:
    found = classify(error)
    assert type(found) is expected
    assert str(found)


@pytest.mark.parametrize("error", [UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogate"), OverflowError("too big")])
def test_values_that_cannot_be_encoded_are_refused_and_not_retried_for_ever(error: Exception) -> None:
    with pytest.raises(StorageRefused), translated():
        raise error
