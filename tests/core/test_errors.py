"""An error is a sentence a user can act on, and its type says whether trying again may help."""

import inspect

import pytest

from lockgate.core import errors
from lockgate.core.errors import Invalid, LockgateError, Problem, Retryable, Terminal

KINDS = [c for _, c in inspect.getmembers(errors, inspect.isclass) if issubclass(c, LockgateError)]


@pytest.mark.parametrize("kind", [k for k in KINDS if k not in (LockgateError, Retryable, Terminal)])
def test_every_error_is_either_retryable_or_terminal_and_explains_itself(kind: type[LockgateError]) -> None:
    assert issubclass(kind, Retryable) != issubclass(kind, Terminal)
    assert inspect.getdoc(kind)
    assert kind.code != LockgateError.code


def test_codes_are_unique() -> None:
    codes = [k.code for k in KINDS if k not in (LockgateError, Retryable, Terminal)]

    assert len(set(codes)) == len(codes)


def test_the_message_is_the_reason_and_the_way_to_mend_it() -> None:
    error = errors.PortTaken("Port 80 is taken.", "Choose another.")

    assert str(error) == "Port 80 is taken. Choose another."
    assert str(errors.PortTaken("Port 80 is taken.")) == "Port 80 is taken."


def test_a_problem_says_where_what_and_how_to_mend_it() -> None:
    whole = Problem("lockgate.yaml", 3, "components.web.replicas", "it is -1.", "Write 1 or more.")

    assert whole.sentence() == "lockgate.yaml:3: components.web.replicas: it is -1. Write 1 or more."
    assert Problem("request", None, "", "it is empty.").sentence() == "request: it is empty."
    assert str(Invalid([whole, whole])).count("\n") == 1
