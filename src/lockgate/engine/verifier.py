"""Verifier: runs a deployment's checks and warm-up requests; judging an answer is ``core.verification``'s.

One look, one attempt: nothing here waits, so that a pause or an abort is heard between two attempts.
"""

from dataclasses import dataclass, replace

from lockgate.core import template
from lockgate.core.application import CommandCheck, HttpCheck
from lockgate.core.deployment import Deployment, Progress
from lockgate.core.discretion import Mask
from lockgate.core.errors import Unavailable
from lockgate.core.ids import Instant
from lockgate.core.plan import Fence, Verify
from lockgate.core.verification import CheckResult, Finding, HttpAnswer, judge
from lockgate.engine.course import Leg
from lockgate.engine.outcome import Outcome
from lockgate.engine.scene import Sight
from lockgate.ports import Clock, Http, Phase, Task

BETWEEN_ATTEMPTS = 0.5
"""Seconds between two attempts of one check."""

REVISION = "x-lockgate-revision"
"""Header by which a router tells whose answer it was, if it can."""

CHANGEOVER = 10.0
"""Seconds after which an answer by another revision is a fault of the router."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """Knows how to ask over HTTP and how to run a command."""

    http: Http
    commands: Task
    clock: Clock
    mask: Mask = str
    """What is told of answers goes through it."""

    def verify(self, row: Deployment, leg: Leg, step: Verify, sight: Sight) -> Outcome:
        """One attempt of the check that is next. After the last one the revision is marked as verified."""
        progress = row.progress
        result = self._attempt(row, leg, step, sight)
        if result.finding is Finding.RUNNING:
            because = result.because or "is running"
            return Outcome(progress, wait=0.05, because=f"The check {result.check} {because}.")
        if result.finding is Finding.PASSED:
            further = replace(progress, check=progress.check + 1, attempts=0)
            return Outcome(further if further.check < len(leg.checks) else verified(further, step))
        check = leg.checks[progress.check]
        if isinstance(check, HttpCheck) and progress.attempts + 1 < check.attempts:
            tried = replace(progress, attempts=progress.attempts + 1)
            return Outcome(tried, wait=BETWEEN_ATTEMPTS, because=f"{result.check} {result.because}; it is tried again.")
        cell = f"in {leg.key.cell} " if leg.key.cell else ""
        place = cell + ("with all the traffic" if step.through_router else "before it got traffic")
        return Outcome(progress, failure=f"The check {result.check} failed {place}: {result.because}.")

    def warm(self, endpoint: str, leg: Leg) -> None:
        """The warm-up requests of one instance. Their answers do not matter: the checks judge."""
        assert leg.target is not None
        for path in leg.target.warm_up:
            try:
                self.http.request("GET", f"http://{endpoint}{path}", {}, timeout=10.0)
            except Unavailable:
                continue

    def _attempt(self, row: Deployment, leg: Leg, step: Verify, sight: Sight) -> CheckResult:
        check = leg.checks[row.progress.check]
        address = leg.listen if step.through_router else _direct(leg, sight)
        if isinstance(check, HttpCheck):
            return self._ask(check, address, row, leg, step)
        return self._run(check, address, row, leg, step)

    def _ask(self, check: HttpCheck, address: str, row: Deployment, leg: Leg, step: Verify) -> CheckResult:
        headers = {"host": f"{leg.key.application}.localhost", **{k.lower(): v for k, v in check.headers.items()}}
        started = self.clock.now()
        try:
            answer = self.http.request(check.method, f"http://{address}{check.path}", headers, timeout=check.timeout)
        except Unavailable as error:
            return CheckResult(check.label(), Finding.FAILED, error.because.rstrip("."), started)
        if step.through_router and answer.headers.get(REVISION, step.revision) != step.revision:
            return self._answered_by_another(check, answer, row, started)
        return judge(check, answer, started, self.mask)

    def _answered_by_another(
        self, check: HttpCheck, answer: HttpAnswer, row: Deployment, started: Instant
    ) -> CheckResult:
        """The data plane's threads take a new route each in their own time. An answer by what ran before says nothing
        about what was deployed."""
        because = f"was answered by revision {answer.headers[REVISION]}, which should have no traffic any more"
        late = started - row.progress.since > CHANGEOVER
        return CheckResult(check.label(), Finding.FAILED if late else Finding.RUNNING, because, started)

    def _run(self, check: CommandCheck, address: str, row: Deployment, leg: Leg, step: Verify) -> CheckResult:
        place = "after" if step.through_router else "before"
        handle = f"{row.id}-{leg.key.part.replace('/', '-')}-{step.revision}-{place}-{row.progress.check}"
        url = f"http://{address}"
        words = [template.finish(word, {"url": url}.get) for word in check.run]
        inputs = {"LOCKGATE_URL": url, "LOCKGATE_RELEASE": row.release, "LOCKGATE_ENVIRONMENT": row.environment}
        self.commands.start(handle, inputs, words, check.timeout, Fence(row.id, row.generation))
        polled = self.commands.poll(handle)
        finding = {Phase.WORKING: Finding.RUNNING, Phase.DONE: Finding.PASSED, Phase.FAILED: Finding.FAILED}
        return CheckResult(check.label(), finding[polled.phase], polled.because.rstrip("."), self.clock.now())


def verified(progress: Progress, step: Verify) -> Progress:
    """All checks of this place have passed."""
    fresh = replace(progress, check=0, attempts=0)
    if step.through_router:
        return replace(fresh, verified_after=progress.verified_after | {step.revision})
    return replace(fresh, verified_before=progress.verified_before | {step.revision})


def _direct(leg: Leg, sight: Sight) -> str:
    """The newest ready instance: in a rolling deployment the lowest slots may have traffic already."""
    assert leg.target is not None
    ready = sight.observed.ready(leg.target.revision)
    if not ready:
        raise Unavailable("No instance is ready to be checked.", "It is looked at again.")
    return ready[-1].endpoint
