"""Walks through a world of mishaps, to prove a strategy: one of ours, or one of yours.

``prove(my_strategy.next_step, Promise(...))`` sends it through hundreds of scripts: slow starts, lost instances,
crashes, aborts and pre-emption at any point. It raises :class:`Broken` with the whole story of the first walk on which
a promise is broken. The promises every strategy makes are checked always; the others are named by :class:`Promise`.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from lockgate.core.ids import RevisionId
from lockgate.core.plan import Done, Ensure, Observe, Retire, Shift, Step, Verify
from lockgate.core.traffic import ALL, Footing, Scene, Shares, Walk
from lockgate.testing.world import Copy, Dice, World

NextStep = Callable[[Walk, Scene], Step]

PATIENCE = 400
"""Steps after the last mishap within which every walk must have arrived."""


class Broken(AssertionError):
    """A promise was broken; the message is the story that led there."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What a strategy promises beyond what all of them do."""

    capacity: bool = True
    """No step leaves fewer ready instances serving than the replicas, or than there were if there were fewer.
    Without this promise requests may have to wait, but are not refused."""
    surge: bool = False
    """While others serve, no start takes the instances above the replicas (or what was there) plus one batch."""
    alone: bool = False
    """Nothing is started while an instance of another revision exists."""
    gradual: bool = False
    """On the way there, while another revision can serve, the new one never gets more than its stage allows."""


@dataclass
class Journey:
    """One deployment's walk, as the engine would lead it, with every step held against the promises."""

    next_step: NextStep
    promise: Promise
    world: World
    walk: Walk
    home: tuple[RevisionId, int] | None
    """What ran before, and how many of it: where an abort leads. None: nothing."""
    story: list[str] = field(default_factory=list)
    there_before: int = 0

    def __post_init__(self) -> None:
        self._set_out(self.walk)

    def _set_out(self, walk: Walk) -> None:
        self.walk = walk
        self.there_before = sum(not c.stopping for c in self.world.copies)
        self.story.append(f"-- {walk}")

    def turn_back(self) -> None:
        """It failed, or somebody aborted it. Going back cannot be turned."""
        if self.walk.back:
            return
        to, replicas = self.home or (None, 0)
        self._set_out(replace(self.walk, to=to, replicas=replicas, back=True))

    def give_way(self, walk: Walk) -> None:
        """Another deployment takes the environment from here."""
        self.world.forget()
        self._set_out(walk)

    def advance(self, *, crash: bool = False, twice: bool = False) -> Step:
        """Looks, asks, checks, acts. Raises :class:`Broken`."""
        world, scene = self.world, self.world.scene(self.walk)
        step = self.next_step(self.walk, scene)
        self.story.append(f"{step}{' (crash)' if crash else ''}")
        self._require(step == self.next_step(self.walk, scene), "the same scene asks for the same step")
        self._before(step)
        before = self._capacity()
        world.do(step, crash=crash)
        self._after(step, before)
        if twice:
            picture = world.picture()
            world.do(step, crash=crash)
            self._require(crash or picture == world.picture(), "doing a step twice changes nothing more")
        return step

    # --- promises ---

    def _require(self, kept: bool, promise: str) -> None:
        if not kept:
            raise Broken(f"Broken: {promise}.\n" + "\n".join(self.story) + f"\n{self.world}")

    def _capacity(self) -> int:
        """Ready instances at work; without a router all of them are."""
        return len(self.world.serving() if self.walk.routed else [c for c in self.world.copies if c.ready])

    def _before(self, step: Step) -> None:
        unfit = any(c.seated and not c.ready for c in self.world.copies)
        mended = isinstance(step, Shift) or not (unfit and self.world.serving())
        self._require(mended, "what is not ready leaves the rotation first")
        match step:
            case Ensure(revision, count):
                self._before_start(revision, count)
            case Shift(shares, hold):
                self._require(self.walk.routed, "without a router nothing is shifted")
                self._before_shift(shares, hold)
            case Retire(revision, keep):
                self._before_stop(self.world.leaving(revision, keep))
            case Observe(revision, stage):
                self._before_look(revision, self.walk.ramp[stage])
            case Verify(revision, True):
                self._require(self.world.weights == {revision: ALL}, "verified through the router with all traffic")
            case Verify(revision, False):
                self._require(self.world.pool(revision).ready > 0, "verified on a ready instance")
            case Done():
                self._require_arrived()

    def _before_start(self, revision: RevisionId, count: int) -> None:
        walk, world = self.walk, self.world
        self._require(revision == walk.to, "only the revision walked to is started")
        self._require(revision in world.prepared, "what is started has been prepared")
        self._require(count <= walk.replicas, "never more instances than replicas are started")
        others = [c for c in world.copies if c.revision != revision]
        if self.promise.alone:
            self._require(not others, "nothing is started beside another revision")
        if self.promise.surge and not walk.back and any(c.seated for c in others):
            total = count + sum(not c.stopping for c in others)
            most = max(walk.replicas, self.there_before) + walk.batch
            self._require(total <= most, f"never more than {most} instances")

    def _before_shift(self, shares: Shares, hold: bool) -> None:
        walk, world = self.walk, self.world
        self._require(sum(s.weight for s in shares.values()) == (ALL if shares else 0), "weights sum to all or nothing")
        self._require(bool(shares) or hold or walk.to is None, "requests are served or held, not refused")
        self._require(not (shares and hold), "requests are served or held, not both")
        if self.promise.gradual and self._on_ramp():
            most, share = walk.ramp[world.stage].weight, shares.get(walk.to or OLD)
            self._require(share is None or share.weight <= max(most, world.weights.get(walk.to or OLD, 0)), "no leaps")
        for revision, share in shares.items():
            pool = world.pool(revision)
            self._require(0 < share.seats <= pool.ready, "weight only on ready instances")
            shown = revision == walk.to and not walk.back and bool(walk.ramp)
            self._require(share.weight > 0 or shown, "without weight only a canary is shown, to testers")
            self._require(revision == walk.to or pool.weight > 0, "no other revision comes into rotation")
            if revision == walk.to and not walk.back and share.seats > pool.seats:
                self._require(share.seats <= pool.warmed, "what comes into rotation is warm")
                verified = not walk.checked or revision in world.verified_before
                self._require(verified, "what comes into rotation is verified")

    def _on_ramp(self) -> bool:
        walk, world = self.walk, self.world
        if walk.back or walk.to is None or world.stage >= len(walk.ramp):
            return False
        others = [name for name, weight in world.weights.items() if name != walk.to and weight]
        settled = world.weights.get(walk.to, 0) > max(footing.weight for footing in walk.ramp)
        return not settled and any(world.pool(name).ready for name in others)

    def _before_look(self, revision: RevisionId, footing: Footing) -> None:
        world = self.world
        weight = world.weights.get(revision, 0)
        self._require(weight == (footing.weight or weight), "who is watched has the weight of its stage")
        seats = world.pool(revision).seats if weight else len(world.pinned)
        self._require(seats >= footing.instances, "who is watched has the instances of its stage in rotation")

    def _before_stop(self, leaving: Sequence[Copy]) -> None:
        if self.walk.routed:
            self._require(not any(c.seated for c in leaving), "nothing in rotation is retired")
            self._require(all(self.world.finished(c) for c in leaving), "nothing is retired before it is drained")

    def _after(self, step: Step, before: int) -> None:
        if self.promise.capacity and self.walk.to is not None:
            least = min(self.walk.replicas, before)
            self._require(self._capacity() >= least, f"capacity never falls below {least} by {step}")
        held_or_served = not self.world.holding or not self.world.weights
        self._require(held_or_served, "nothing is served while requests are held")

    def _require_arrived(self) -> None:
        walk, world = self.walk, self.world
        copies = world.copies
        self._require(all(c.revision == walk.to for c in copies), "in the end nothing else is left")
        self._require(len(copies) == sum(c.ready for c in copies) == walk.replicas, "in the end all replicas are ready")
        if walk.routed:
            self._require(not world.holding, "in the end nothing is held")
            self._require(len(world.serving()) == walk.replicas, "in the end every instance serves")
            self._require(world.weights == ({walk.to: ALL} if walk.to else {}), "in the end all traffic is on it")
            proven = walk.back or not walk.checked or walk.to in world.verified_after
            self._require(proven, "in the end it has been verified through the router")


# --- scripts ---

OLD, NEW, FIX = RevisionId("old"), RevisionId("new"), RevisionId("fix")

QUIET = 24
"""Rolls up to this are no mishap."""


def journey(
    next_step: NextStep, promise: Promise, script: bytes, others: Sequence[tuple[NextStep, Promise]] = ()
) -> Walk:
    """Leads the strategy through a script to the end and returns the last walk. ``others``: strategies that a
    deployment which pre-empts it may use, with their promises. Raises :class:`Broken`."""
    dice = Dice(script)
    trip = _departure(next_step, promise, dice)
    ways = [(next_step, promise), *others]
    for _ in range(PATIENCE + len(script)):
        crash = _mishap(trip, dice, ways)
        step = trip.advance(crash=crash, twice=bool(dice.roll(1)))
        if isinstance(step, Done):
            return trip.walk
        if isinstance(step, Verify | Observe) and dice.roll(7) == 7:
            trip.story.append("the checks fail, or users are hurt")
            trip.turn_back()
        elif isinstance(step, Observe) and not crash and not dice.roll(2):
            trip.world.stage = step.stage + 1
        trip.world.tick()
    raise Broken("Broken: every walk ends.\n" + "\n".join([*trip.story[:20], "...", *trip.story[-20:]]))


def _departure(next_step: NextStep, promise: Promise, dice: Dice) -> Journey:
    """What runs before (nothing, for a first deployment), and where the walk leads."""
    before = (1 + dice.roll(4)) % 5
    world = World(dice, [Copy(OLD, slot, seated=True) for slot in range(before)])
    routed = dice.roll(3) < 3
    if before and routed:
        world.weights = {OLD: ALL}
    if not routed:
        for copy in world.copies:
            copy.seated = False
    return Journey(next_step, promise, world, _walk(NEW, dice, routed), (OLD, before) if before else None)


def _walk(to: RevisionId, dice: Dice, routed: bool) -> Walk:
    replicas = 1 + dice.roll(4)
    batch, checked = 1 + dice.roll(replicas - 1), dice.roll(2) < 2
    weights = ((100, 1000, 5000), (0, 100, 5000))[dice.roll(1)][: dice.roll(3)]
    counts = sorted(1 + dice.roll(replicas - 1) for _ in weights)
    ramp = tuple(Footing(weight, count) for weight, count in zip(weights, counts, strict=True))
    return Walk(to, replicas, batch=batch, routed=routed, checked=checked, ramp=ramp)


def _mishap(trip: Journey, dice: Dice, ways: Sequence[tuple[NextStep, Promise]]) -> bool:
    """Maybe something happens before the next step. True: the control plane dies in the midst of it."""
    roll = max(0, dice.roll(QUIET + 7) - QUIET)
    if roll == 1:
        trip.story.append(trip.world.lose())
    elif roll == 2:
        trip.story.append(trip.world.sicken())
    elif roll == 3:
        trip.world.tick()
    elif roll == 4:
        trip.turn_back()
    elif roll == 5:
        trip.next_step, trip.promise = ways[dice.roll(len(ways) - 1)]
        trip.give_way(_walk((FIX, NEW, OLD)[dice.roll(2)], dice, trip.walk.routed))
    return roll >= 6


def prove(
    next_step: NextStep,
    promise: Promise,
    *,
    scripts: int = 500,
    seed: int = 0,
    others: Sequence[tuple[NextStep, Promise]] = (),
) -> None:
    """Tries so many scripts, the same ones for the same seed. Raises :class:`Broken`."""
    chance = random.Random(seed)
    for number in range(scripts):
        journey(next_step, promise, chance.randbytes(10 + number % 190), others)
