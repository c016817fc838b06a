"""What the demo promises, measured: the last line of a headless run, and the sentences for what was not kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from lockgate.core.deployment import State
from lockgate.messages import DeploymentView, Status
from lockgate.testing.load import Report

ROLLED_BACK = 3
"""Bad releases that the story has."""

APPROVALS, HELD, DENIED = 2, 1, 1
"""Approvals by second persons, deployments that a freeze holds, and those that a policy denies, in the story."""

FEW = 200
"""Requests that a canary which fails one in fifty may have failed until it is back."""


@dataclass(frozen=True, slots=True)
class Killed:
    """What happened around the kill of the control plane."""

    deployment: str
    steps_before: int
    """Steps that it had taken when the control plane died."""
    back_at: float
    """When the next one answered, in seconds since the epoch."""
    requests_meanwhile: int
    """Of users, while there was no control plane."""

    def resumed(self, after: DeploymentView) -> bool:
        """The deployment had begun, had not ended before the control plane was back, and has succeeded since."""
        ended = after.ended_at or 0.0
        return self.steps_before > 0 and after.state == State.SUCCEEDED and ended > self.back_at


@dataclass(frozen=True, slots=True)
class Canary:
    """What users got of a release that failed 2 % of its requests, and of a good one after it."""

    bad_requests_served: int
    """That the bad one failed."""
    seconds_to_rollback: float
    """From its first request on; 0: it was not rolled back by what users got."""
    false_rollbacks: int
    """Good ones that were taken back."""
    promoted_early: bool
    """The good one had all the traffic without all its stages."""

    def broken(self) -> dict[str, bool]:
        few = 0 < self.bad_requests_served <= FEW
        return {
            "The canary that failed 2 % of its requests was not taken back.": self.seconds_to_rollback > 0,
            f"{self.bad_requests_served} requests were failed by the bad canary, not 1 to {FEW}.": few,
            "A good canary was taken back.": self.false_rollbacks == 0,
            "A good canary was not promoted early.": self.promoted_early,
        }


@dataclass(frozen=True, slots=True)
class Governed:
    """What kept releases out of prod, and what let them in."""

    approvals: int
    """Given by somebody else than who asked for the deployment."""
    held_by_window: int
    """Deployments that a freeze held, with its end told, and that have succeeded since."""
    denied_by_policy: int
    """Requests."""
    audit_verified: bool
    """The exported record is whole, by itself; and an edited copy of it is not."""

    def broken(self) -> dict[str, bool]:
        return {
            f"{self.approvals} approvals were given by second persons, not {APPROVALS}.": self.approvals == APPROVALS,
            f"{self.held_by_window} deployments were held by a freeze, not {HELD}.": self.held_by_window == HELD,
            f"{self.denied_by_policy} requests were denied by a policy, not {DENIED}.": self.denied_by_policy == DENIED,
            "The exported audit record could not be verified.": self.audit_verified,
        }


@dataclass(frozen=True, slots=True)
class Outcome:
    """One JSON object. Nothing in it is assumed."""

    requests: int
    failed_requests: int
    deployments: int
    promoted_to: tuple[str, ...]
    """Environments, in their order, where one and the same release of every application has succeeded."""
    rolled_back: int
    resumed_after_kill: bool
    requests_without_control_plane: int
    canary: Canary
    governed: Governed
    """Its fields are the object's own."""
    bad_revisions_met: int
    """Revisions of the releases that were taken back which answered any request of a user."""
    left_running: int
    seconds: float

    def fields(self) -> Mapping[str, object]:
        told = asdict(self)
        governed = told.pop("governed")
        return {**told, **governed}

    def broken(self) -> list[str]:
        """A sentence for each promise that was not kept."""
        kept = {
            f"{self.failed_requests} of {self.requests} requests failed.": self.failed_requests == 0,
            "Hardly anybody asked for anything.": self.requests >= 100,
            f"The releases were promoted to {', '.join(self.promoted_to) or 'nowhere'}, not to dev, staging, prod.": (
                self.promoted_to == ("dev", "staging", "prod")
            ),
            f"{self.rolled_back} bad releases were taken back, not {ROLLED_BACK}.": self.rolled_back == ROLLED_BACK,
            "The deployment did not go on after the kill of the control plane.": self.resumed_after_kill,
            "Nobody was served while the control plane was gone.": self.requests_without_control_plane > 0,
            "A user met a release that was taken back.": self.bad_revisions_met == 0,
            f"{self.left_running} programs were left running.": self.left_running == 0,
            **self.canary.broken(),
            **self.governed.broken(),
        }
        return [sentence for sentence, holds in kept.items() if not holds]


def promoted_to(status: Status, history: Iterable[DeploymentView]) -> tuple[str, ...]:
    """See :attr:`Outcome.promoted_to`."""
    succeeded: dict[tuple[str, str], set[str]] = defaultdict(set)
    for view in history:
        if view.state == State.SUCCEEDED:
            succeeded[view.application, view.release].add(view.environment)
    furthest: dict[str, set[str]] = defaultdict(set)
    for (application, _), places in succeeded.items():
        furthest[application] = max(furthest[application], places, key=len)
    return tuple(e.name for e in status.environments if furthest and all(e.name in p for p in furthest.values()))


def rolled_back(history: Iterable[DeploymentView]) -> int:
    return sum(view.state == State.ROLLED_BACK for view in history)


def totals(reports: Sequence[Report]) -> tuple[int, int]:
    """(requests, failed)"""
    return sum(report.requests for report in reports), sum(report.failed for report in reports)
