"""Inspection: what is attached to a release and how long it has soaked, as facts for the gates that ask for them."""

from collections.abc import Callable

from lockgate.core.admission import Admission
from lockgate.core.evidence import Attestation, Role
from lockgate.core.facts import FindingsFacts, SeverityFacts
from lockgate.core.finding import FindingCounts, Severity, Tally, counted
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant
from lockgate.core.release import Release
from lockgate.engine.gatehouse import Question
from lockgate.gates import provenance, soak, vulnerabilities
from lockgate.ports import Documents, Store


def findings_of(store: Store, release: Release, environment: str, now: Instant) -> FindingCounts:
    """What counts of all that scans have found in it, with the waivers and VEX documents that hold there. An empty
    environment: only with the waivers for everywhere."""
    statements = tuple(s for one in store.attachments.of(release.id) for s in one.statements)
    scans, waivers = store.attachments.scans(release.id), store.attachments.waivers()
    return counted(scans, statements, waivers, application=release.name, environment=environment, now=now)


def facts(store: Store) -> Callable[[Admission, Instant], FindingsFacts | None]:
    """What policies are told of it; None: no scan has been attached."""

    def told(admission: Admission, now: Instant) -> FindingsFacts | None:
        counts = findings_of(store, admission.release, admission.environment.name, now)
        if counts.scanned_at is None:
            return None
        named = {severity: _severity(counts.by_severity.get(severity, Tally())) for severity in Severity}
        unrated = named.pop(Severity.UNKNOWN)
        return FindingsFacts(**{severity.value: one for severity, one in named.items()}, unrated=unrated)

    return told


def _severity(tally: Tally) -> SeverityFacts:
    return SeverityFacts(tally.open + tally.waived, tally.fixable, tally.waived, tally.open)


def questions(store: Store, documents: Documents) -> tuple[tuple[str, Question], ...]:
    """Of provenance, vulnerabilities and soak. Each looks only where the environment asks for it."""
    return (
        (provenance.GATE, _provenance(store, documents)),
        (vulnerabilities.GATE, _vulnerabilities(store)),
        (soak.GATE, _soak(store)),
    )


def _provenance(store: Store, documents: Documents) -> Question:
    def signed(admission: Admission, now: Instant) -> Verdict:
        release, environment = admission.release, admission.environment
        asked = environment.provenance is not None and environment.provenance.required and not admission.rollback
        facts = provenance.Facts(
            release=release.label(),
            identity=release.id,
            environment=environment.name,
            rule=environment.provenance,
            artifacts=artifacts_of(release),
            attestations=_opened(store, documents, admission) if asked else (),
            rollback=admission.rollback,
        )
        return provenance.evaluate(facts, now)

    return signed


def _opened(store: Store, documents: Documents, admission: Admission) -> tuple[Attestation, ...]:
    rule = admission.environment.provenance
    keys = rule.keys if rule else ()
    attached = (one for one in store.attachments.of(admission.release.id) if Role.PROVENANCE in one.roles)
    return tuple(documents.open(one.envelope, one.name, keys) for one in attached)


def artifacts_of(release: Release) -> dict[str, str]:
    """What each is, for people -> its digest; files of components, too."""
    own = {f"{name}: {artifact.label()}": artifact.digest for name, artifact in release.artifacts.items()}
    files = ((name, file, artifact) for name, found in release.files.items() for file, artifact in found.items())
    return {**own, **{f"{name}: {file}": artifact.digest for name, file, artifact in files}}


def _vulnerabilities(store: Store) -> Question:
    def scanned(admission: Admission, now: Instant) -> Verdict:
        release, environment = admission.release, admission.environment
        asked = environment.vulnerabilities is not None and not admission.rollback
        facts = vulnerabilities.Facts(
            release=release.label(),
            identity=release.id,
            environment=environment.name,
            rule=environment.vulnerabilities,
            counts=findings_of(store, release, environment.name, now) if asked else FindingCounts(),
            rollback=admission.rollback,
        )
        return vulnerabilities.evaluate(facts, now)

    return scanned


def _soak(store: Store) -> Question:
    def soaked(admission: Admission, now: Instant) -> Verdict:
        release, environment = admission.release, admission.environment
        rule = environment.soak
        held = store.holdings.of(release.name, rule.place, release.id) if rule and not admission.rollback else ()
        facts = soak.Facts(
            release=release.label(),
            environment=environment.name,
            place=rule.place if rule else "",
            seconds=rule.seconds if rule else 0.0,
            held=[one for one in held if not one.cell],
            rollback=admission.rollback,
        )
        return soak.evaluate(facts, now)

    return soaked
