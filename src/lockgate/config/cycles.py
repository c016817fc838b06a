"""Cycles among things that come after each other: components of an application, environments in promotion order."""

from collections.abc import Mapping, Sequence


def cycles(after: Mapping[str, Sequence[str]]) -> list[tuple[str, ...]]:
    """Each cycle once, from its first-written member round to it again: ``(dev, staging, dev)``. Names that are not in
    ``after`` themselves are passed over."""
    found: dict[frozenset[str], tuple[str, ...]] = {}
    done: set[str] = set()
    for start in after:
        trail: list[str] = [start]
        pending = [iter(after[start])]
        while trail:
            following = next(pending[-1], None)
            if following is None:
                done.add(trail.pop())
                pending.pop()
            elif following in trail:
                ring = trail[trail.index(following) :]
                found.setdefault(frozenset(ring), _turned(ring, after))
            elif following in after and following not in done:
                trail.append(following)
                pending.append(iter(after[following]))
    return list(found.values())


def _turned(ring: list[str], after: Mapping[str, Sequence[str]]) -> tuple[str, ...]:
    first = min(range(len(ring)), key=lambda i: list(after).index(ring[i]))
    return (*ring[first:], *ring[:first], ring[first])
