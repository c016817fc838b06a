"""Policies: list, show, test, try."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import (
    BAD,
    BLANK,
    BUSY,
    FAINT,
    GOOD,
    STRONG,
    Json,
    Line,
    Row,
    headline,
    indented,
    line,
    put_json,
    show,
    table,
)
from lockgate.cli.surroundings import App, actor, application_meant
from lockgate.client import Client
from lockgate.core.errors import Invalid, NotFound, Problem
from lockgate.core.ids import short
from lockgate.messages import PolicyAnswer, PolicyPlace, PolicyTrial, PolicyView, TryPolicies

if TYPE_CHECKING:
    from lockgate.core.policy import Judgement, Policy, PolicyTest
    from lockgate.ports import Policies

policy = Commands(name="policy", help="Rules that judge what is deployed.", help_format="plaintext")

FOLDER = Path("policies")
MARKS = {"pass": ("✔", GOOD), "wait": ("…", BUSY), "deny": ("✘", BAD), "advises": ("!", BUSY)}


@policy.command(name="list")
def list_policies(*, json: Json = False) -> None:
    """The policies there are, and where each of them judges."""
    found = Client().policies()
    show(found, json, lambda: policy_lines(found))


def policy_lines(found: Iterable[PolicyView]) -> list[Line]:
    rows: list[Row] = [
        [line((one.name, STRONG)), _effect(one), _where(one.environments), one.source or "comes with Lockgate"]
        for one in found
    ]
    return table(("policy", "does", "judges", "written in"), rows)


def _effect(one: PolicyView) -> str:
    return "advise" if one.mode == "advise" else one.otherwise


def _where(places: Sequence[PolicyPlace]) -> str:
    return ", ".join(dict.fromkeys(place.environment for place in places)) or "nothing"


@policy.command(name="show")
def show_policy(name: str, /, *, json: Json = False) -> None:
    """One policy: its rule, its parameters, and where it judges.

    Parameters
    ----------
    name
        The policy.
    """
    known = {one.name: one for one in Client().policies()}
    if name not in known:
        raise NotFound(f"There is no policy {name!r}.", f"The policies are: {', '.join(known)}.")
    show(known[name], json, lambda: one_lines(known[name]))


def one_lines(one: PolicyView) -> list[Line]:
    version = f"version {short(one.digest)}, {one.source or 'comes with Lockgate'}"
    lines = [line((one.name, STRONG), f"  {_effect(one)}", (f"  {version}", FAINT))]
    lines += [BLANK, line(one.about)] if one.about else []
    lines += [BLANK, headline("Rule"), *indented(one.rule.splitlines())]
    lines += [BLANK, headline("When it does not hold"), *indented([one.message])]
    if one.parameters:
        lines += [BLANK, headline("Parameters"), *_pairs(one.parameters.items())]
    if one.environments:
        lines += [BLANK, headline("Judges"), *map(_place_line, one.environments)]
    return lines


def _pairs(pairs: Iterable[tuple[str, str]]) -> list[Line]:
    return table(("", ""), [[f"with.{name}", value or '""'] for name, value in pairs], indent=2)


def _place_line(place: PolicyPlace) -> Line:
    given = ", ".join(f"{name} {value}" for name, value in place.parameters.items() if value)
    return line(f"  {place.environment}", (f"  {place.mode}, version {short(place.digest)}", FAINT), f"  {given}")


# --- tests ---


@policy.command(name="test")
def run_tests(*files: Path, json: Json = False) -> int:
    """Check policies' files and run the tests in them. Needs no server.

    Parameters
    ----------
    files
        Files, or folders of them; default: the folder policies.
    """
    from lockgate.wiring.checks import judging

    with judging() as judge:
        found = [one for read in _read(files or (FOLDER,)) for one in _results(read, judge)]
    failed = sum(not one["passed"] for one in found)
    if json:
        put_json({"passed": len(found) - failed, "failed": failed, "tests": found})
    else:
        show(found, False, lambda: result_lines(found))
    return 1 if failed else 0


def _read(paths: Sequence[Path]) -> "list[tuple[Policy, str]]":
    """Policies, each with the text of its file. Raises :class:`Invalid` with the problems of all."""
    from lockgate.config.document import load_text
    from lockgate.config.policy_file import read_policy

    files = [
        file for path in paths for file in (sorted(path.glob("*.yaml")) if path.is_dir() or path == FOLDER else [path])
    ]
    if not files:
        because = f"there are no policies in {', '.join(map(str, paths))}."
        mend = "Write policies/NAME.yaml, or name a file."
        raise Invalid([Problem("command line", None, "", because, mend)])
    done, problems = [], list[Problem]()
    for file in files:
        try:
            text = load_text(file, str(file))
            done.append((read_policy(text, str(file), file.stem).value, text))
        except Invalid as fault:
            problems += fault.problems
    if problems:
        raise Invalid(problems)
    return done


def _results(read: "tuple[Policy, str]", judge: "Policies") -> "list[dict[str, object]]":
    """Of one file. Raises :class:`Invalid` when its rule is none."""
    from dataclasses import replace

    from lockgate.config.policy_file import placed, read_policy
    from lockgate.core.facts import document_with

    policy, text = read
    if faults := judge.check(policy):
        form = read_policy(text, policy.source, policy.name)
        raise Invalid([placed(form, text, fault) for fault in faults])
    done = []
    for test in policy.tests:
        asked = replace(policy, parameters=test.parameters)
        (judgement,) = judge.judge((asked,), document_with(test.given))
        done.append(_result(policy, test, judgement))
    return done or [{"policy": policy.name, "where": policy.source, "passed": True, "because": "It has no tests."}]


def _result(policy: "Policy", test: "PolicyTest", judgement: "Judgement") -> dict[str, object]:
    got = "pass" if judgement.holds else "deny"
    return {
        "policy": policy.name,
        "where": f"{policy.source}:{test.line}",
        "expect": test.expect.value,
        "passed": got == test.expect.value,
        "because": judgement.because or "The rule holds.",
    }


def result_lines(found: "Sequence[dict[str, object]]") -> list[Line]:
    lines = [_result_line(one) for one in found]
    failed = sum(not one["passed"] for one in found)
    tests = sum("expect" in one for one in found)
    told = f"{failed} of {tests} tests failed." if failed else f"{tests} tests passed."
    return [*lines, line((told, BAD if failed else GOOD))]


def _result_line(one: "dict[str, object]") -> Line:
    mark, style = MARKS["pass" if one["passed"] else "deny"]
    expected = f" expected {one['expect']}:" if "expect" in one else ""
    return line((f"{mark} ", style), f"{one['where']}:{expected} {one['because']}", hang=2)


# --- trying ---


@policy.command(name="try")
def attempt(
    release: str = "latest",
    /,
    *,
    to: str,
    app: App = "",
    policy: Annotated[str, Parameter(name="--policy")] = "",
    rollback: Annotated[bool, Parameter(negative="")] = False,
    urgent: Annotated[bool, Parameter(negative="")] = False,
    reason: str = "",
    at: str = "",
    json: Json = False,
) -> int:
    """What an environment's policies would say of a deployment now, and the facts they would say it by.

    Parameters
    ----------
    release
        An id, a number (#3), a version, or latest.
    to
        The environment.
    policy
        Only this one, even if the environment does not name it.
    rollback
        As if it were a rollback.
    urgent
        As if it were urgent.
    reason
        The reason that it would be given.
    at
        As if it were then: 2026-11-21T14:00:00Z.
    """
    request = TryPolicies(
        application_meant(app), to, release, policy, rollback, reason, urgent, _instant(at) if at else None, actor()
    )
    found = Client().try_policies(request)
    show(found, json, lambda: trial_lines(found))
    return 0 if found.answer == "pass" else 1


def _instant(text: str) -> float:
    from datetime import UTC, datetime

    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        because = f"{text!r} is not an instant."
        raise Invalid([Problem("command line", None, "--at", because, "Write 2026-11-21T14:00:00Z.")]) from error
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def trial_lines(trial: PolicyTrial) -> list[Line]:
    import msgspec

    mark, style = MARKS[trial.answer]
    lines = [line((f"{mark} ", style), (trial.release_label, STRONG), f" → {trial.environment}: {trial.answer}")]
    lines += [_answer_line(one) for one in trial.answers] or [line(f"  {trial.environment} has no policies.")]
    facts = msgspec.json.format(msgspec.json.encode(trial.facts), indent=2).decode()
    lines += [BLANK, headline("Facts"), *indented(facts.splitlines())]
    return [*lines, *indented(f"{name}: {why}" for name, why in trial.unknown.items())]


def _answer_line(one: PolicyAnswer) -> Line:
    mark, style = MARKS["advises" if one.answer == "pass" and not one.holds else one.answer]
    version = f" (version {short(one.digest)})"
    return line("  ", (mark, style), f" {one.policy}", (version, FAINT), f": {one.because or 'It holds.'}", hang=4)
