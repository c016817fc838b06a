"""A world made of numbers: one target and one router for one key, small enough to be tried a thousand times.

Starts are slow, requests end late, instances fall ill or vanish, and the control plane dies half-way through a step.
What happens is read from a script of bytes; when it is used up everything goes well and fast, so a walk through any
script must end. Whether a strategy keeps its promises there is asked in ``lockgate.testing.walks``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from lockgate.core.ids import RevisionId
from lockgate.core.plan import Ensure, Prepare, Retire, Shift, Step, Verify, Warm
from lockgate.core.traffic import Pool, Scene, Walk

DRAIN = 6
"""Ticks after which an instance out of rotation may be stopped although it has requests."""


class Dice:
    """Chance, read from a script. Nothing but zeros once it is used up: the shortest delays, no mishap."""

    def __init__(self, script: bytes) -> None:
        self._script = script
        self._at = 0

    @property
    def used_up(self) -> bool:
        return self._at >= len(self._script)

    def roll(self, highest: int) -> int:
        """0 to ``highest``."""
        if self.used_up:
            return 0
        self._at += 1
        return self._script[self._at - 1] % (highest + 1)


@dataclass(slots=True)
class Copy:
    """One instance. Times are in ticks."""

    revision: RevisionId
    slot: int
    ready_in: int = 0
    stops_in: int | None = None
    """None: it has not been asked to stop."""
    warm: bool = False
    seated: bool = False
    """It is in the router's rotation."""
    busy: int = 0
    """Once out of rotation: ticks until its last request ends."""
    left_at: int = 0

    @property
    def ready(self) -> bool:
        return not self.ready_in and not self.stopping

    @property
    def stopping(self) -> bool:
        return self.stops_in is not None


@dataclass
class World:
    """What is there, and how steps and time change it."""

    dice: Dice
    copies: list[Copy] = field(default_factory=list)
    weights: dict[RevisionId, int] = field(default_factory=dict)
    holding: bool = False
    prepared: set[RevisionId] = field(default_factory=set)
    verified_before: set[RevisionId] = field(default_factory=set)
    verified_after: set[RevisionId] = field(default_factory=set)
    stage: int = 0
    """Stages of the ramp that are over."""
    pinned: list[Copy] = field(default_factory=list)
    """Whom pinned requests reach although their revision has no weight."""
    now: int = 0

    # --- looking ---

    def of(self, revision: RevisionId) -> list[Copy]:
        """The revision's instances by slot."""
        return sorted((c for c in self.copies if c.revision == revision), key=lambda c: c.slot)

    def finished(self, copy: Copy) -> bool:
        """It may be stopped without cutting off a request that still has time."""
        return not copy.seated and (not copy.busy or self.now - copy.left_at >= DRAIN)

    def serving(self) -> list[Copy]:
        """Ready instances that get requests."""
        return [c for c in self.copies if c.ready and c.seated]

    def pool(self, revision: RevisionId) -> Pool:
        copies = self.of(revision)
        return Pool(
            revision=revision,
            started=len(copies),
            ready=sum(c.ready for c in copies),
            warmed=sum(c.ready and c.warm for c in copies),
            seats=sum(c.seated for c in copies),
            unfit=sum(c.seated and not c.ready for c in copies),
            weight=self.weights.get(revision, 0),
            idle=all(self.finished(c) for c in copies if not c.seated),
        )

    def scene(self, walk: Walk) -> Scene:
        """What a strategy sees of it."""
        known = {c.revision for c in self.copies} | set(self.weights)
        return Scene(
            pools={revision: self.pool(revision) for revision in known},
            prepared=walk.to in self.prepared,
            verified_before=walk.to in self.verified_before,
            verified_after=walk.to in self.verified_after,
            holding=self.holding,
            stage=self.stage,
            pinned=sum(copy.ready and copy.revision == walk.to for copy in self.pinned if copy in self.copies),
        )

    def picture(self) -> object:
        """All of it as one value, to see whether anything changed."""
        flags = (frozenset(self.prepared), frozenset(self.verified_before), frozenset(self.verified_after))
        return tuple(replace(c) for c in self.copies), dict(self.weights), self.holding, flags, self.stage

    # --- changing ---

    def do(self, step: Step, *, crash: bool = False) -> None:
        """Does the step as the drivers would. ``crash``: the control plane dies before it is through, so at most the
        first instance of several is touched and nothing is noted down."""
        match step:
            case Ensure(revision, count):
                self._ensure(revision, count, crash)
            case Retire(revision, keep):
                for copy in self.leaving(revision, keep)[: 1 if crash else None]:
                    copy.stops_in = 1 + self.dice.roll(2)
            case Shift(shares, hold):
                self._shift({name: share.seats for name, share in shares.items() if share.weight})
                self.weights = {name: share.weight for name, share in shares.items() if share.weight}
                aside = {name: share.seats for name, share in shares.items() if not share.weight}
                self.pinned = [c for name, n in aside.items() for c in [c for c in self.of(name) if c.ready][:n]]
                self.holding = hold
            case Prepare() | Warm() | Verify() if not crash:
                self._note(step)

    def leaving(self, revision: RevisionId, keep: int) -> list[Copy]:
        """Who is asked to stop: those out of rotation first, of them those not ready, of them the highest slots."""
        staying = [c for c in self.of(revision) if not c.stopping]
        staying.sort(key=lambda c: (c.seated, c.ready, -c.slot))
        return staying[: max(0, len(staying) - keep)]

    def _ensure(self, revision: RevisionId, count: int, crash: bool) -> None:
        taken = {c.slot for c in self.of(revision)}
        free = (slot for slot in range(len(taken) + count) if slot not in taken)
        missing = count - sum(not c.stopping for c in self.of(revision))
        for _ in range(min(missing, 1) if crash else missing):
            self.copies.append(Copy(revision, next(free), ready_in=2 + self.dice.roll(3)))

    def _shift(self, seats: Mapping[RevisionId, int]) -> None:
        seated = {id(c) for name, count in seats.items() for c in [c for c in self.of(name) if c.ready][:count]}
        for copy in self.copies:
            if copy.seated and id(copy) not in seated:
                copy.busy, copy.left_at = 3 + self.dice.roll(2 * DRAIN), self.now
            copy.seated = id(copy) in seated

    def _note(self, step: Prepare | Warm | Verify) -> None:
        match step:
            case Prepare(revision):
                self.prepared.add(revision)
            case Warm(revision):
                for copy in self.of(revision):
                    copy.warm = copy.warm or copy.ready
            case Verify(revision, through_router):
                (self.verified_after if through_router else self.verified_before).add(revision)

    def tick(self) -> None:
        """Time passes."""
        self.now += 1
        for copy in self.copies:
            copy.ready_in = max(0, copy.ready_in - 1)
            copy.busy = copy.busy if copy.seated else max(0, copy.busy - 1)
            if copy.stops_in is not None:
                copy.stops_in -= 1
        for copy in [c for c in self.copies if c.stops_in is not None and c.stops_in <= 0]:
            self.copies.remove(copy)

    def lose(self) -> str:
        """One instance is gone, whichever."""
        if not self.copies:
            return "nothing to lose"
        copy = self.copies.pop(self.dice.roll(len(self.copies) - 1))
        return f"lost {copy.revision}/{copy.slot}"

    def sicken(self) -> str:
        """One instance is not ready for some time, whichever."""
        if not self.copies:
            return "nothing to fall ill"
        copy = self.copies[self.dice.roll(len(self.copies) - 1)]
        copy.ready_in += 1 + self.dice.roll(3)
        return f"ill {copy.revision}/{copy.slot}"

    def forget(self) -> None:
        """Another deployment takes over: it has noted down nothing yet."""
        for notes in (self.prepared, self.verified_before, self.verified_after):
            notes.clear()
        self.stage = 0
        for copy in self.copies:
            copy.warm = False
