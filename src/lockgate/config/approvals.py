"""Approvals, emergencies and groups in ``environments.yaml``: their forms, and the checks across them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockgate.config.document import Sequence
from lockgate.config.form import At, Choice, Field, Form, Kind, Named, Read, Schema, Several, listing, nearest
from lockgate.config.scalars import NAME, Text, Whole, duration
from lockgate.core.approval import ApprovalExemption, ApprovalRule, BreakGlass, Party, members
from lockgate.core.environment import Catalogue, Environment, Promote
from lockgate.core.errors import Problem
from lockgate.core.people import PERSON_NAME

PERSON = Text(
    "the name of a person",
    PERSON_NAME.pattern,
    "People's names have lower-case letters, digits, and . _ - inside, at most 64 characters.",
)
MOST = 30 * 86400
"""Seconds: an approval that holds for longer is of something forgotten."""


@dataclass(frozen=True, slots=True)
class OneOrSeveral:
    """``release-managers``, or a list of such names."""

    several: Several[str]

    def read(self, at: At) -> tuple[str, ...]:
        return self.several.read(at) if isinstance(at.node, Sequence) else (self.several.each.read(at),)

    def schema(self) -> Schema:
        return {"anyOf": [self.several.each.schema(), self.several.schema()]}


_GROUPS: Kind[tuple[str, ...]] = OneOrSeveral(Several("groups", NAME, least=1))

APPROVALS = Form(
    "approvals",
    ApprovalRule,
    (
        Field("from", _GROUPS, "Groups whose members may approve.", required=True, to="groups", stand_in=()),
        Field("count", Whole("count", 1, 20), "How many people must approve."),
        Field(
            "not",
            Several("parties", Choice("a party", {p.value: p for p in Party})),
            "Who may not approve, whatever group they are in: author, requester, builder.",
            to="barred",
        ),
        Field("expires", duration("a time", 60, MOST), "How long an approval holds before the deployment begins."),
        Field(
            "except",
            Several("exceptions", Choice("an exception", {e.value: e for e in ApprovalExemption})),
            "What needs no approval: rollback.",
            to="exempt",
        ),
    ),
    hints={
        "by": "Did you mean 'from'?", "groups": "Did you mean 'from'?", "number": "Did you mean 'count'?",
        "after_the_fact": "Write `break_glass: {by: [GROUP], review: 24h}` in the environment.",
        "break_glass": "It stands beside `approvals`, in the environment.",
    },
)  # fmt: skip
BREAK_GLASS = Form(
    "break_glass",
    BreakGlass,
    (
        Field("by", _GROUPS, "Groups whose members may, with a reason.", required=True, to="groups", stand_in=()),
        Field("review", duration("a time", 60, MOST), "How long a second person has to look at it afterwards."),
    ),
    hints={"from": "Did you mean 'by'?", "after_the_fact": "Did you mean 'review'?"},
)
GROUPS: Kind[Mapping[str, tuple[str, ...]]] = Named(
    "a group", NAME, Several("names of people", PERSON), example="release-managers: [alice, bob]"
)


def approval_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    """Groups that are not there, approvals that nobody could give, and a promotion on approvals without any."""
    groups = read.value.groups
    for environment in read.value.environments.values():
        path = f"environments.{environment.name}"
        for field_path, named in _named(environment, path):
            for name in named:
                if name not in groups:
                    because = f"there is no group {name!r}; there are: {listing(groups) or 'none'}."
                    mend = nearest(name, groups) or f"Add `groups: {{{name}: [NAME, NAME]}}` at the top of the file."
                    yield read.problem(field_path, because, mend)
        rule = environment.approvals
        if rule is None and environment.promote is Promote.ON_APPROVAL:
            because = f"{environment.name} takes releases on approval, but says nothing of who approves."
            mend = "Add `approvals: {from: [GROUP]}`, or write `promote: automatic`."
            yield read.problem(f"{path}.promote", because, mend)
        if rule is not None and rule.groups and all(name in groups for name in rule.groups):
            able = members(groups, rule.groups)
            if len(able) < rule.count:
                because = f"approvals of {rule.count} are asked for, but {listing(rule.groups)} has {len(able)}."
                yield read.problem(f"{path}.approvals", because, "Add people to the group, or lower `count`.")


def _named(environment: Environment, path: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    if environment.approvals is not None:
        yield f"{path}.approvals.from", environment.approvals.groups
    if environment.break_glass is not None:
        yield f"{path}.break_glass.by", environment.break_glass.groups
