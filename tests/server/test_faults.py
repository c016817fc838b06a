"""Refusals out: each error's status, and nothing told of errors we do not know."""

import pytest

from lockgate.core import errors
from lockgate.core.errors import Invalid, LockgateError, Problem
from lockgate.server.faults import fault_of, problem_response

EXPECTED = {
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.IllegalTransition: 409,
    errors.KeyBusy: 409,
    errors.Denied: 403,
    errors.CapabilityMissing: 422,
    errors.ArtifactMissing: 422,
    errors.ArtifactAltered: 422,
    errors.PreparationFailed: 422,
    errors.StoreBusy: 503,
    errors.Unavailable: 503,
    errors.Fenced: 503,
    LockgateError: 500,
}


@pytest.mark.parametrize(("kind", "status"), EXPECTED.items())
def test_each_error_has_its_status_and_its_sentence(kind: type[LockgateError], status: int) -> None:
    fault = fault_of(kind("It is so.", "Mend it."))
    assert (fault.status, fault.code, fault.detail) == (status, kind.code, "It is so. Mend it.")
    assert fault.title.endswith(".")


def test_bad_input_tells_each_problem_as_data() -> None:
    problem = Problem("lockgate.yaml", 3, "components.web", "it is empty.", "Give it.")
    fault = fault_of(Invalid([problem]))
    assert fault.status == 422
    assert fault.problems == (
        {"where": "lockgate.yaml", "line": 3, "field": "components.web", "because": "it is empty.", "mend": "Give it."},
    )


def test_what_may_succeed_later_says_when_to_try_again() -> None:
    assert problem_response(errors.StoreBusy("The database is locked.")).headers["retry-after"] == "2"
