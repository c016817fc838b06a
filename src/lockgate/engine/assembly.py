"""Assembly: a train from what somebody asks for, or everything that is wrong with it. Pure."""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from lockgate.core.errors import Invalid, Problem
from lockgate.core.release import Release
from lockgate.core.requirement import fault_of
from lockgate.core.train import Item, StepKind, Task, TrainStep, in_order
from lockgate.messages.trains import StepDraft

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
NAME_FORM = "Names have lower-case letters, digits and hyphens inside, and at most 40 characters."

LONGEST_HOLD = 30 * 86400.0
LAST = 253_402_300_800.0
"""The end of the year 9999: what is later cannot be written as a date."""
MOST_STEPS, MOST_ITEMS = 200, 100


@dataclass(frozen=True, slots=True)
class Known:
    """What the drafts are measured by."""

    releases: Mapping[int, Release]
    """Number of the draft -> the release that it means."""
    assignees: Collection[str]
    """People and groups."""


def assembled(drafts: Sequence[StepDraft], known: Known) -> tuple[TrainStep, ...]:
    """The steps in their order. Raises :class:`Invalid` with every problem."""
    steps = [_step(number, draft, known) for number, draft in enumerate(drafts)]
    by_application = {step.application: step.name for step in steps if step.kind is StepKind.DEPLOY}
    steps = [_after_requirements(number, step, known, by_application) for number, step in enumerate(steps)]
    problems = [*_of_all(drafts), *_of_each(drafts, known), *_of_names(steps), *_of_ranges(steps, known)]
    ordered = in_order(steps)
    if not problems and len(ordered) < len(steps):
        left = ", ".join(step.name for step in steps if step not in ordered)
        because = f"they come after each other in a circle, or after one that does: {left}."
        problems.append(_problem("steps", because, "Remove one `after`, or a requirement."))
    if problems:
        raise Invalid(problems)
    return ordered


def _step(number: int, draft: StepDraft, known: Known) -> TrainStep:
    release = known.releases.get(number)
    task = None
    if draft.kind == StepKind.TASK:
        task = Task(
            draft.assignee, draft.text.strip(), tuple(Item(text.strip()) for text in draft.checklist), draft.due
        )
    return TrainStep(
        name=draft.name or draft.application,
        kind=StepKind(draft.kind) if draft.kind in set(StepKind) else StepKind.HOLD,
        after=tuple(dict.fromkeys(draft.after)),
        application=draft.application,
        release=release.id if release else None,
        label=release.label() if release else "",
        task=task,
        seconds=draft.seconds,
    )


def _after_requirements(number: int, step: TrainStep, known: Known, steps: Mapping[str, str]) -> TrainStep:
    """What its release requires, and travels along, comes first."""
    release = known.releases.get(number)
    required = release.application.requires if release else {}
    first = tuple(steps[name] for name in required if name in steps)
    return replace(step, after=tuple(dict.fromkeys((*step.after, *first))), requires=first)


# --- what is wrong ---


def _of_all(drafts: Sequence[StepDraft]) -> Iterator[Problem]:
    if not drafts:
        yield _problem("steps", "a train has steps.", "Name what it deploys: api@2.0 web@latest.")
    if len(drafts) > MOST_STEPS:
        yield _problem("steps", f"there are {len(drafts)}; at most {MOST_STEPS} are taken.", "Make several trains.")


def _of_each(drafts: Sequence[StepDraft], known: Known) -> Iterator[Problem]:
    for number, draft in enumerate(drafts):
        here = f"steps[{number}]"
        if draft.kind not in set(StepKind):
            yield _problem(f"{here}.kind", f"{draft.kind[:40]!r} is no kind of step.", "Write deploy, task or hold.")
        name = draft.name or draft.application
        if not NAME.fullmatch(name):
            yield _problem(f"{here}.name", f"{name[:60]!r} cannot be the name of a step.", NAME_FORM)
        release = known.releases.get(number)
        if release is not None and release.name != draft.application:
            because = f"{release.label()} is no release of {draft.application[:60]!r}."
            yield _problem(f"{here}.release", because, f"Write {release.name}@{release.id}.")
        if draft.kind == StepKind.TASK:
            yield from _of_task(here, draft, known)
        if draft.kind == StepKind.HOLD and not 0 < draft.seconds <= LONGEST_HOLD:
            yield _problem(
                f"{here}.seconds", "a hold lasts more than no time, and at most 30 days.", "Write 10m or 2h."
            )


def _of_task(here: str, draft: StepDraft, known: Known) -> Iterator[Problem]:
    if draft.assignee not in known.assignees:
        there = ", ".join(sorted(known.assignees)) or "none; see: lockgate person add"
        because = f"{draft.assignee[:60]!r} is neither a person nor a group that the server knows."
        yield _problem(f"{here}.assignee", because, f"There are: {there}.")
    if not draft.text.strip():
        yield _problem(f"{here}.text", "a task says what is to be done.", "Write a sentence.")
    if draft.due is not None and not 0 <= draft.due < LAST:
        yield _problem(f"{here}.due", "it is no moment that a calendar has.", "Give seconds since 1970, UTC.")
    if any(not item.strip() for item in draft.checklist):
        yield _problem(f"{here}.checklist", "an item is empty.", "Remove it, or write what is to be ticked.")
    if len(draft.checklist) > MOST_ITEMS:
        yield _problem(f"{here}.checklist", f"it has more than {MOST_ITEMS} items.", "Make several tasks.")


def _of_names(steps: Iterable[TrainStep]) -> Iterator[Problem]:
    known = list(steps)
    names, applications = [step.name for step in known], [step.application for step in known if step.application]
    for what, field, found in (("steps", "name", names), ("steps for the application", "application", applications)):
        for name in dict.fromkeys(name for name in found if found.count(name) > 1):
            yield _problem(f"steps.{field}", f"there are several {what} {name!r}.", "One of each is enough.")
    for step in known:
        for name in step.after:
            if name not in names:
                because = f"{step.name} comes after {name!r}, which is no step of this train."
                yield _problem("steps.after", because, f"There are: {', '.join(names)}.")


def _of_ranges(steps: Iterable[TrainStep], known: Known) -> Iterator[Problem]:
    """One release of the train requires another version of what the train brings: it would wait for ever."""
    riding = {release.name: release for release in known.releases.values()}
    for release in riding.values():
        for name, wanted in release.application.requires.items():
            fault = fault_of(wanted, riding[name].version) if name in riding else ""
            if fault:
                because = f"{release.label()} requires {name} {wanted}, and {riding[name].label()} {fault}."
                yield _problem("steps.release", because, f"Take another release of {name} or {release.name}.")


def _problem(field: str, because: str, mend: str) -> Problem:
    return Problem("request", None, field, because, mend)
