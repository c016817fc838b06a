"""Testimony: what scans, people and the environments' file say of a deployment, as the facts that policies ask for."""

from collections.abc import Callable

from lockgate.core.admission import Admission
from lockgate.core.environment import Catalogue
from lockgate.core.facts import ApprovalFacts, Moment
from lockgate.core.release import Release
from lockgate.engine import inspection
from lockgate.engine.policies import Evidence
from lockgate.ports import Store


def testimony(store: Store, catalogue: Callable[[], Catalogue]) -> Evidence:
    """``catalogue``: who belongs to which group, as it is written now."""

    def approvals(admission: Admission) -> tuple[ApprovalFacts, ...]:
        given = store.approvals.of(admission.row.id) if admission.row else ()
        return tuple(ApprovalFacts(one.person, Moment(one.at)) for one in given if not one.void)

    def authors(release: Release) -> tuple[str, ...] | None:
        return release.written_by() or None

    def groups(actor: str) -> tuple[str, ...]:
        return tuple(name for name, people in catalogue().groups.items() if actor in people)

    return Evidence(inspection.facts(store), authors, approvals, groups, lambda environment: environment.tier)
