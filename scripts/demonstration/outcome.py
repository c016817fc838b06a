"""What the demo promises, measured: the last line of a headless run, and the sentences for what was not kept."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass

from lockgate.core.deployment import State
from lockgate.messages import DeploymentView, Status
from lockgate.testing.load import Report

ROLLED_BACK = 2
"""Bad releases that the story has."""


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
    bad_revisions_met: int
    """Revisions of the releases that were taken back which answered any request of a user."""
    left_running: int
    seconds: float

    def fields(self) -> Mapping[str, object]:
        return asdict(self)

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
