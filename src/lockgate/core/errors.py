"""Every error Lockgate raises, as a vocabulary.

The message is a sentence a user can act on. Whether trying again may help is a type: :class:`Retryable` or
:class:`Terminal`. Errors of libraries and outside systems are translated into these where they are met.
"""

from dataclasses import dataclass


class LockgateError(Exception):
    """Something Lockgate could not do."""

    code = "error"

    def __init__(self, because: str, mend: str = "") -> None:
        super().__init__(because if not mend else f"{because} {mend}")
        self.because = because
        self.mend = mend


class Retryable(LockgateError):
    """The same call may succeed later; the engine tries again with growing pauses."""


class Terminal(LockgateError):
    """The same call will fail again until somebody changes something."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One fault in what a user gave us: where, what, and the way to mend it."""

    where: str
    """File name, or ``request``."""
    line: int | None
    """1-based line in that file, if there is one."""
    field: str
    """Dotted path, such as ``components.web.replicas``."""
    because: str
    mend: str = ""

    def sentence(self) -> str:
        place = self.where + (f":{self.line}" if self.line else "")
        subject = f"{self.field}: " if self.field else ""
        return f"{place}: {subject}{self.because}" + (f" {self.mend}" if self.mend else "")


class Invalid(Terminal):
    """What was given cannot be understood or contradicts itself; nothing was changed."""

    code = "invalid"

    def __init__(self, problems: list[Problem] | tuple[Problem, ...]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(p.sentence() for p in self.problems))


class NotFound(Terminal):
    """There is nothing by that name."""

    code = "not-found"


class Conflict(Terminal):
    """It would contradict what is already there; nothing was changed."""

    code = "conflict"


class IllegalTransition(Conflict):
    """A deployment cannot go from its state to the one asked for."""

    code = "illegal-transition"


class CapabilityMissing(Terminal):
    """The strategy needs something that this environment's drivers cannot do."""

    code = "capability-missing"


class Denied(Terminal):
    """A gate or a permission said no."""

    code = "denied"


class ArtifactMissing(Terminal):
    """The source has no artifact by that name and version."""

    code = "artifact-missing"


class ArtifactYanked(Terminal):
    """The source has withdrawn this version."""

    code = "artifact-yanked"


class ArtifactAltered(Terminal):
    """The bytes are not those that the digest names."""

    code = "artifact-altered"


class ArtifactMistyped(Terminal):
    """The artifact is not of the kind that the reference says, or is unsafe to unpack."""

    code = "artifact-mistyped"


class RecordAltered(Terminal):
    """What is recorded is not what was signed, or nothing that is trusted has signed it."""

    code = "record-altered"


class PreparationFailed(Terminal):
    """The artifact is there but cannot be made ready to run on this target."""

    code = "preparation-failed"


class StartFailed(Terminal):
    """An instance ended or restarted before it was ready."""

    code = "start-failed"


class PortTaken(Terminal):
    """Another program listens on the address."""

    code = "port-taken"


class RouteRejected(Terminal):
    """The data plane refused the route; the one before it stays in force."""

    code = "route-rejected"


class ComponentMissing(Terminal):
    """A program or file that Lockgate needs is not on this machine."""

    code = "component-missing"


class DataFolderBusy(Terminal):
    """Another server works on the same data folder."""

    code = "data-folder-busy"


class VerificationFailed(Terminal):
    """A check of the deployed thing did not pass."""

    code = "verification-failed"


class Unavailable(Retryable):
    """An outside system does not answer, or not in time."""

    code = "unavailable"


class Throttled(Retryable):
    """An outside system asks to be left alone for a while.

    ``after``: so many seconds, as far as it says.
    """

    code = "throttled"

    def __init__(self, because: str, mend: str = "", *, after: float = 0.0) -> None:
        super().__init__(because, mend)
        self.after = after


class Undeliverable(Terminal):
    """A channel refuses a notification, and would refuse it again."""

    code = "undeliverable"


class StorageFull(Retryable):
    """The disk is full; what was half made has been removed."""

    code = "storage-full"


class StoreBusy(Retryable):
    """The database is locked by somebody else, or out of reach."""

    code = "store-busy"


class KeyBusy(Retryable):
    """Another deployment is active on the same application and environment.

    ``in_line``: its end, or that of whoever else is ahead, makes this one due; otherwise it can be tried again at once.
    """

    code = "key-busy"

    def __init__(self, because: str, mend: str = "", *, in_line: bool = False) -> None:
        super().__init__(because, mend)
        self.in_line = in_line


class Fenced(Retryable):
    """A newer claim exists; whoever made this call has lost the deployment and must claim it again."""

    code = "fenced"
