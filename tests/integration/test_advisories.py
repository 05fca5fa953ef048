"""No package of the lock file has a published advisory; and the test that says so can say otherwise."""

import os

import pytest

from runtime.embedded.ports import free_port
from tests.helpers.advisories import Finding, NotReached, audit, service


def test_no_package_of_the_lock_file_has_a_published_advisory() -> None:
    try:
        found = audit()
    except NotReached as error:
        # In CI only a network that is not there excuses, and not a service that answers something else.
        if os.environ.get("CI") == "true" and error.answered is not None:
            raise
        pytest.skip(f"no advisory service: {error}")
    assert found == []


def test_an_advisory_on_one_package_is_found() -> None:
    with service({"starlette"}) as url:
        (found,) = audit(url)
    assert (found.package, found.advisory, found.fixed_in) == ("starlette", "PYSEC-2099-1", ("999.0",))
    assert isinstance(found, Finding)


def test_a_service_that_is_none_is_not_taken_for_a_clean_bill() -> None:
    with service(set(), status=404) as url, pytest.raises(NotReached, match="answers 404"):
        audit(url)
    with pytest.raises(NotReached, match="cannot be reached"):
        audit(f"http://127.0.0.1:{free_port()}/v1/query")
