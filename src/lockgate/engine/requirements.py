"""Requirements: gathers what the gate of that name wants to know: what runs beside a release, and what needs it."""

from collections.abc import Callable, Iterator

from lockgate.core.admission import Admission
from lockgate.core.deployment import ACTIVE, Deployment
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant
from lockgate.core.release import Release
from lockgate.gates import requirements
from lockgate.gates.requirements import Dependant, Facts, Needed
from lockgate.ports import Selection, Store


def question(store: Store) -> tuple[str, Callable[[Admission, Instant], Verdict]]:
    """For the gatehouse."""
    return requirements.GATE, lambda admission, now: requirements.evaluate(facts(store, admission), now)


def facts(store: Store, admission: Admission) -> Facts:
    """Every rollback is urgent, so that alone is no leave to break what requires the release that is left."""
    release, environment = admission.release, admission.environment.name
    return Facts(
        release=release.label(),
        version=release.version,
        environment=environment,
        needed=tuple(_needed(store, release, environment)),
        dependants=tuple(_dependants(store, release, environment)),
        insists=admission.insists if admission.rollback else admission.urgent,
        reason=admission.reason.strip(),
    )


def _needed(store: Store, release: Release, environment: str) -> Iterator[Needed]:
    for application, wanted in release.application.requires.items():
        holder = store.history.holder(application, environment)
        there = store.releases.get(holder.release) if holder else None
        changing = _active(store, application, environment)
        yield Needed(
            application=application,
            wanted=wanted,
            holder=there.label() if there else "",
            version=there.version if there else "",
            changing=changing[0].id if changing else "",
        )


def _dependants(store: Store, release: Release, environment: str) -> Iterator[Dependant]:
    for application in store.releases.requiring(release.name):
        holder = store.history.holder(application, environment)
        coming = _active(store, application, environment)
        for row in (*((holder,) if holder else ()), *(one for one in coming if holder is None or one.id != holder.id)):
            other = store.releases.get(row.release)
            wanted = other.application.requires.get(release.name)
            if wanted is not None:
                yield Dependant(application, other.label(), wanted, coming="" if row.holds else row.id)


def _active(store: Store, application: str, environment: str) -> tuple[Deployment, ...]:
    return store.history.select(Selection(application, environment, ACTIVE, limit=1))
