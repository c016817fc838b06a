"""The policies there are: those in the folder ``policies`` beside environments.yaml, and those that Lockgate brings.

An environment names the ones that judge what is deployed to it, with parameters of its own; here the names become
rules.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

from lockgate.config.document import load_text
from lockgate.config.form import (
    At,
    ByShape,
    Choice,
    Field,
    Form,
    Kind,
    Named,
    Read,
    Schema,
    Several,
    listing,
    nearest,
)
from lockgate.config.policy_file import Value, given_parameters, placed, read_policy
from lockgate.config.scalars import NAME, Text
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import Invalid, Problem
from lockgate.core.policy import Mode, Policy, PolicyUse, RuleProblem

FOLDER = "policies"
STARTER = Path(__file__).parent / "starter"
MOST = 200
"""Files in the folder, and policies of one environment."""

Check = Callable[[Policy], tuple[RuleProblem, ...]]


class _OnlyName:
    """``soaked``: the short form of an entry."""

    def read(self, at: At) -> PolicyUse:
        return PolicyUse(NAME.read(at))

    def schema(self) -> Schema:
        return NAME.schema()


_USE: Kind[PolicyUse] = ByShape(
    "the name of a policy, or a table with policy, with and mode",
    scalar=_OnlyName(),
    table=Form(
        "an entry of policies",
        PolicyUse,
        (
            Field("policy", NAME, "Its name: of a file in policies/, or of the starter set.", required=True,
                  stand_in=""),
            Field("with", Named("a parameter", Text("the name of a parameter", r"[a-z][a-z0-9_]*"), Value()),
                  "Its parameters here, as far as they differ from its own.", to="parameters"),
            Field("mode", Choice("a mode", {m.value: m for m in Mode}), "enforce or advise here."),
        ),
        hints={"name": "Did you mean 'policy'?", "parameters": "Did you mean 'with'?"},
    ),
)  # fmt: skip
POLICIES: Kind[tuple[PolicyUse, ...]] = Several("policies", _USE)


@dataclass(frozen=True, slots=True)
class Shelf:
    """Policies by name."""

    own: Mapping[str, Read[Policy]] = field(default_factory=dict)
    texts: Mapping[str, str] = field(default_factory=dict)
    """Name -> the text of its file."""

    @property
    def all(self) -> Mapping[str, Policy]:
        return {**starter(), **{name: read.value for name, read in self.own.items()}}

    def faults(self, check: Check) -> list[Problem]:
        """Of all rules, with their places."""
        found = ((name, problem) for name, read in self.own.items() for problem in check(read.value))
        return [placed(self.own[name], self.texts[name], problem) for name, problem in found]

    def faults_in_use(self, read: Read[Catalogue], check: Check) -> list[Problem]:
        """Of parameters that environments give: the rules are tried with them."""
        found = []
        for name, environment in read.value.environments.items():
            for index, use in enumerate(environment.policies):
                if use.parameters and use.policy in self.all:
                    policy = self.all[use.policy]
                    given = replace(policy, parameters=given_parameters(policy, use.parameters))
                    path = f"environments.{name}.policies[{index}].with"
                    found += [read.problem(path, problem.because, problem.mend) for problem in check(given)]
        return found


def read_shelf(folder: Path) -> Shelf:
    """Of the folder's files ``*.yaml``; there need not be any. Raises :class:`Invalid` with the problems of all."""
    own: dict[str, Read[Policy]] = {}
    texts: dict[str, str] = {}
    problems: list[Problem] = []
    for path in policy_files(folder):
        where = f"{folder.name}/{path.name}"
        try:
            texts[path.stem] = load_text(path, where)
            own[path.stem] = read_policy(texts[path.stem], where, _name_of(path, where))
        except Invalid as fault:
            problems += fault.problems
    if problems:
        raise Invalid(problems)
    return Shelf(own, texts)


def faults_of(shelf: Shelf, read: Read[Catalogue], check: Check) -> list[Problem]:
    """Of rules, and of what environments give them. Raises what ``check`` does."""
    return shelf.faults(check) or shelf.faults_in_use(read, check)


def policy_files(folder: Path) -> list[Path]:
    """Raises :class:`Invalid` when there are too many."""
    found = sorted(folder.glob("*.yaml")) if folder.is_dir() else []
    if len(found) > MOST:
        because = f"there are {len(found)} files, and at most {MOST} are read."
        raise Invalid([Problem(folder.name, None, "", because, "Put rules together.")])
    return found


def _name_of(path: Path, where: str) -> str:
    if not NAME.matches(path.stem):
        raise Invalid([Problem(where, None, "", f"{path.stem!r} is not a name for a policy.", NAME.rule)])
    if path.stem in starter():
        because = f"Lockgate brings a policy {path.stem!r} itself."
        raise Invalid([Problem(where, None, "", because, "Give yours another name.")])
    return path.stem


@cache
def starter() -> Mapping[str, Policy]:
    """Those that Lockgate brings."""
    found = (read_policy(load_text(p), p.name, p.stem).value for p in sorted(STARTER.glob("*.yaml")))
    return {policy.name: replace(policy, source="") for policy in found}


def with_rules(read: Read[Catalogue], shelf: Shelf) -> tuple[Catalogue, list[Problem]]:
    """Every environment with the rules that it names, as far as they are there."""
    judged = {name: e for name, e in read.value.environments.items() if e.policies}
    if not judged:
        return read.value, []
    known, problems, done = shelf.all, list[Problem](), dict(read.value.environments)
    for name, environment in judged.items():
        found = list(_rules(read, environment, known, problems))
        done[name] = replace(environment, rules=tuple({policy.digest: policy for policy in found}.values()))
    return replace(read.value, environments=done), problems


def _rules(
    read: Read[Catalogue], environment: Environment, known: Mapping[str, Policy], problems: list[Problem]
) -> Iterator[Policy]:
    for index, use in enumerate(environment.policies):
        path = f"environments.{environment.name}.policies[{index}]"
        policy = known.get(use.policy)
        if policy is None:
            if use.policy:
                because = f"there is no policy {use.policy!r}; there are: {listing(known)}."
                mend = nearest(use.policy, known) or f"Write {FOLDER}/{use.policy}.yaml, or remove it."
                problems.append(read.problem(path, because, mend))
            continue
        try:
            yield replace(policy, parameters=given_parameters(policy, use.parameters), mode=use.mode or policy.mode)
        except Invalid as fault:
            problems += [read.problem(f"{path}.with.{p.field}", p.because, p.mend) for p in fault.problems]
