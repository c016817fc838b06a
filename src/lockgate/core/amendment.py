"""Amendment: how the environments' file has changed, as sentences: who may let what in first, the rest in few words."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from lockgate.core import rulebook
from lockgate.core.comparison import Kind, Setting
from lockgate.core.people import listed
from lockgate.core.rulebook import Record, Written

GOVERNING = (
    *("approvals", "break_glass", "policies", "windows", "exempt", "provenance", "vulnerabilities", "soak"),
    *("promote", "after", "queue"),
)
"""Rules in the order in which they are told. Any other rule follows."""

KINDS = (Kind.RULE, Kind.SECRET, Kind.CAPABILITY, Kind.CONFIGURATION, Kind.ABOUT)
"""In the order in which they are told."""

FEW = 3
"""Fields of one part, such as ``strategy.canary``, that are told one by one unless they are rules."""

NO_PEOPLE: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Amendment:
    """From one version of the file to the next."""

    sentences: tuple[str, ...] = ()
    """What matters most first."""
    environments: tuple[str, ...] = ()
    """That are not as they were, or in which others may approve."""
    groups: tuple[str, ...] = ()
    changes: Mapping[str, str] = field(default_factory=dict)
    """``prod approvals.count`` -> ``was 1, is 2``: every single one."""


def amended(before: Record, after: Record) -> Amendment:
    """Of an older version that did not say who is in which group, nothing is told of groups."""
    one, other = before.environments, after.environments
    changed = [name for name in {**one, **other} if one.get(name) != other.get(name)]
    groups = () if before.groups is None else tuple(_changed_groups(before.groups, after.groups or {}))
    people = [said for name in groups for said in _of_group(name, before, after)]
    rules = [said for name in changed for said in _of_environment(name, one.get(name), other.get(name))]
    governed = [name for name in {**one, **other} if any(_powers(group, before, after, name) for group in groups)]
    changes = {f"{name} {path}": told for name in changed for path, told in _each(one.get(name), other.get(name))}
    changes |= {f"groups.{name}": _was_is(*(_people(record, name) for record in (before, after))) for name in groups}
    names = tuple(name for name in {**one, **other} if name in changed or name in governed)
    sentences = (said for _, said in sorted([(0, said) for said in people] + rules, key=lambda found: found[0]))
    return Amendment(tuple(sentences), names, groups, changes)


# --- who may ---


def _changed_groups(before: Mapping[str, Sequence[str]], after: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for name in {**before, **after}:
        if sorted(before.get(name, ())) != sorted(after.get(name, ())):
            yield name


def _people(record: Record, group: str) -> tuple[str, ...]:
    return (record.groups or {}).get(group, NO_PEOPLE)


def _of_group(group: str, before: Record, after: Record) -> Iterator[str]:
    """``carol joined release-managers, who approve in prod.``"""
    was, now = _people(before, group), _people(after, group)
    powers = _powers(group, before, after)
    for verb, people in (("joined", set(now) - set(was)), ("left", set(was) - set(now))):
        if people:
            yield f"{listed(sorted(people))} {verb} {group}{f', who {powers}' if powers else ''}."


def _powers(group: str, before: Record, after: Record, environment: str = "") -> str:
    """What its members may do, by either version."""
    found = []
    for path, words in (("approvals.from", "approve in"), ("break_glass.by", "may break the glass in")):
        places = [name for name in {**before.environments, **after.environments} if environment in ("", name)]
        mine = [name for name in places if any(group in _named(record, name, path) for record in (before, after))]
        found += [f"{words} {listed(mine)}"] if mine else []
    return " and ".join(found)


def _named(record: Record, environment: str, path: str) -> Sequence[str]:
    found = record.environments.get(environment, {}).get(path, NO_PEOPLE)
    return found if isinstance(found, tuple) else NO_PEOPLE


# --- what is said of an environment ---

Ranked = tuple[int, str]
"""How early it is told, and the sentence."""


def _of_environment(name: str, before: Written | None, after: Written | None) -> Iterator[Ranked]:
    if before is None or after is None:
        yield 0, f"{name} is new." if before is None else f"{name} is gone."
        return
    paths = [path for path in {**before, **after} if not _same(before.get(path), after.get(path))]
    parts: dict[str, list[str]] = {}
    for path in sorted(paths, key=_rank):
        parts.setdefault(_part(path), []).append(path)
    for part, found in parts.items():
        rank, rule = _rank(found[0])[0], rulebook.kind_of(part) is Kind.RULE
        for sentence in _of_part(part, found, before, after, in_full=rule or len(found) <= FEW):
            yield rank, f"{name}: {sentence}"


def _same(one: Setting | None, other: Setting | None) -> bool:
    """The order of a list says nothing, but for that of policies: nothing hangs on it either."""
    return sorted(one) == sorted(other) if isinstance(one, tuple) and isinstance(other, tuple) else one == other


def _rank(path: str) -> tuple[int, str]:
    """Governing rules one after the other, other rules, and then kind by kind."""
    top, kind = path.partition(".")[0], rulebook.kind_of(path)
    if top in GOVERNING:
        return GOVERNING.index(top), path
    return len(GOVERNING) + KINDS.index(kind), path


def _part(path: str) -> str:
    """Of a rule the field, of the rest down to the second level: ``strategy.canary``."""
    depth = 1 if rulebook.kind_of(path) is Kind.RULE else 2
    names = path.split(".")
    return ".".join(names[:depth]) if len(names) > depth else path.rpartition(".")[0] or path


def _of_part(part: str, paths: list[str], before: Written, after: Written, *, in_full: bool) -> Iterator[str]:
    now, was = ([said[path] for path in paths if path in said] for said in (after, before))
    whole = len(paths) > 1 and (not now or not was)
    if in_full and whole and not any(_part(path) == part and path not in paths for path in (*before, *after)):
        said, word = (after, "is new") if now else (before, "is gone")
        details = (f"{path.removeprefix(part + '.')} {_shown(said[path])}" for path in paths)
        yield f"{part} {word} ({', '.join(details)})."
    elif in_full:
        for path in paths:
            yield f"{path} {_told(before.get(path), after.get(path))}."
    else:
        word = "are new" if not was else "are gone" if not now else "are not as they were"
        yield f"{len(paths)} fields of {part} {word}."


def _told(was: Setting | None, now: Setting | None) -> str:
    if isinstance(now, tuple) and (was is None or isinstance(was, tuple)):
        old, new = sorted(was or ()), sorted(now)
        said = [("now", [one for one in new if one not in old]), ("no longer", [one for one in old if one not in new])]
        return "; ".join(f"{word} {', '.join(found)}" for word, found in said if found) or _was_is(was, now)
    return _was_is(was, now)


def _was_is(was: Setting | None, now: Setting | None) -> str:
    return f"was {_shown(was)}, is {_shown(now)}" if now else f"was {_shown(was)}, is gone"


def _shown(setting: Setting | None) -> str:
    if isinstance(setting, tuple):
        return ", ".join(setting) or "nobody"
    return setting if isinstance(setting, str) else "not there"


def _each(before: Written | None, after: Written | None) -> Iterator[tuple[str, str]]:
    """Every field that is not the same."""
    one, other = before or {}, after or {}
    for path in {**one, **other}:
        if not _same(one.get(path), other.get(path)):
            yield path, _was_is(one.get(path), other.get(path))
