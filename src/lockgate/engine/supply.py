"""Supply: the desk for what is attached to releases: documents, what they found, and who takes what on."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from lockgate.core.audit import Event
from lockgate.core.environment import Environment, Promote
from lockgate.core.errors import Invalid, LockgateError, Problem
from lockgate.core.evidence import MAX_BYTES, Contents, Evidence, Format, Role
from lockgate.core.finding import Finding, FindingCounts, Waiver
from lockgate.core.ids import Digest, Instant
from lockgate.core.people import NOBODY, Caller
from lockgate.core.release import Release
from lockgate.engine.inspection import findings_of
from lockgate.engine.promoter import ITSELF, Promoter
from lockgate.messages import (
    EvidenceView,
    FindingsView,
    FindingView,
    GiveWaiver,
    TakeWaiver,
    TallyView,
    WaiverView,
)
from lockgate.ports import Clock, Documents, Incoming, Selection, Store, Ticker

AUTO = "auto"
SHOWN = 1000
"""Findings in one view."""

log = logging.getLogger("lockgate.supply")


@dataclass(frozen=True, slots=True)
class Supply:
    """``find``: application and a release's name -> the release. ``documents`` keeps what is attached."""

    store: Store
    clock: Clock
    ticker: Ticker
    promoter: Promoter
    documents: Documents
    find: Callable[[str, str], Release]
    caller: Caller = NOBODY

    # --- documents ---

    def incoming(self) -> AbstractContextManager[Incoming]:
        """A document on its way in: write to it, then :meth:`attach` it."""
        return self.documents.incoming()

    def attach(
        self, application: str, release: str, incoming: Incoming, kind: str, name: str, actor: str
    ) -> tuple[EvidenceView, bool]:
        """What was attached, and whether it is new to the release. Raises NotFound, Invalid: nothing is kept then."""
        found = self.find(application, release)
        contents = self._read(incoming, kind, name or "document")
        digest, now, by = incoming.keep(), self.clock.now(), self.caller.speaking(actor)
        evidence = _evidence(found, contents, digest, incoming.size, name, now, by.name)
        event = by.signed(_attached(found, evidence))
        fresh = self.store.attachments.attach(evidence, _of_component(contents, found), event)
        if fresh:
            self._offer_again(found)
        return evidence_view(evidence), fresh

    def evidence(self, application: str, release: str) -> tuple[EvidenceView, ...]:
        """Of the release, oldest first."""
        return tuple(evidence_view(one) for one in self.store.attachments.of(self.find(application, release).id))

    def _read(self, incoming: Incoming, kind: str, name: str) -> Contents:
        """Raises :class:`Invalid` under the file's own name."""
        try:
            if kind != AUTO and kind not in set(Format):
                known = ", ".join((AUTO, *Format))
                raise Invalid(
                    [Problem("request", None, "kind", f"there is no kind {kind[:50]!r}.", f"Known are {known}.")]
                )
            if incoming.size > MAX_BYTES:
                because = f"it has more than {MAX_BYTES} bytes."
                raise Invalid([Problem("document", None, "", because, "Attach one document for each component.")])
            return self.documents.read(incoming, None if kind == AUTO else Format(kind))
        except Invalid as error:
            told = (replace(p, where=name if p.where == "document" else p.where) for p in error.problems)
            raise Invalid(tuple(told)) from error

    def _offer_again(self, release: Release) -> None:
        """What a missing document kept out goes on by itself, now that it is there. The document stands whatever
        becomes of this: what hinders the release is found again by deploying it by hand."""
        try:
            for environment in self.promoter.catalogue().in_order():
                if environment.promote is Promote.AUTOMATIC and self._was_offered(release, environment):
                    because = "What was asked for has been attached."
                    plan = self.promoter.plan(release, environment)
                    self.promoter.open(release, plan, by=ITSELF, reason=because)
        except LockgateError as error:
            log.info("%s is not deployed by itself: %s", release.label(), error)
        self.ticker.wake()

    def _was_offered(self, release: Release, environment: Environment) -> bool:
        """It should have entered by itself, and did not."""
        there = Selection(release.name, environment.name, release=release.id, limit=1)
        deployed = self.store.history.select(there)
        if environment.after is None:
            newest = self.store.releases.select(release.name, 1)
            return not deployed and bool(newest) and newest[0].id == release.id
        holder = self.store.history.holder(release.name, environment.after)
        if holder is None or holder.release != release.id or holder.mixed:
            return False
        return not any(row.created_at >= (holder.ended_at or 0.0) for row in deployed)

    # --- findings and waivers ---

    def findings(self, application: str, release: str, environment: str) -> FindingsView:
        """Raises NotFound."""
        if environment:
            self.promoter.catalogue().get(environment)
        found, now = self.find(application, release), self.clock.now()
        return findings_view(found, environment, findings_of(self.store, found, environment, now), now)

    def waivers(self) -> tuple[WaiverView, ...]:
        now = self.clock.now()
        return tuple(waiver_view(one, now) for one in self.store.attachments.waivers())

    def waive(self, request: GiveWaiver) -> WaiverView:
        """Raises Invalid, NotFound."""
        now, by = self.clock.now(), self.caller.speaking(request.actor)
        given = Waiver(
            request.vulnerability.strip(),
            request.until,
            request.reason.strip(),
            by.name,
            now,
            request.package.strip(),
            request.environment,
            request.application,
        )
        self._demand_sense(given, now)
        until = f"until {_day(given.until)}"
        event = _waiver_event("waiver.added", given, f"{given.label()} is taken on {until}: {given.reason}", now)
        self.store.attachments.waive(given, by.signed(event))
        return waiver_view(given, now)

    def unwaive(self, request: TakeWaiver) -> None:
        """Raises NotFound."""
        key = (request.package.strip(), request.environment, request.application)
        now, by = self.clock.now(), self.caller.speaking(request.actor)
        old = Waiver(request.vulnerability.strip(), now, request.reason, by.name, now, *key)
        because = f"{old.label()} is taken on no more" + (f": {request.reason}" if request.reason else ".")
        self.store.attachments.unwaive(old, by.signed(_waiver_event("waiver.removed", old, because, now)))

    def _demand_sense(self, given: Waiver, now: Instant) -> None:
        problems = []
        if not given.vulnerability:
            problems.append(
                Problem("request", None, "vulnerability", "it is empty.", "Name one, such as CVE-2026-1234.")
            )
        if not given.reason:
            problems.append(Problem("request", None, "reason", "it is empty.", "Say why, for those who read it later."))
        if not now < given.until < now + MOST:
            because = "a waiver ends after now and within two years."
            problems.append(Problem("request", None, "until", because, "Give it an end such as 30d."))
        if problems:
            raise Invalid(problems)
        if given.environment:
            self.promoter.catalogue().get(given.environment)


MOST = 2 * 366 * 86_400.0
"""Seconds that a waiver may last."""


def _evidence(
    release: Release, contents: Contents, digest: Digest, size: int, name: str, now: Instant, actor: str
) -> Evidence:
    return Evidence(
        release=release.id,
        digest=digest,
        format=contents.format,
        version=contents.version,
        roles=contents.roles,
        name=name or digest,
        size=size,
        at=now,
        by=actor,
        tool=contents.tool,
        about=contents.about,
        made_at=contents.made_at,
        packages=len(contents.packages),
        findings=len(contents.findings),
        statements=contents.statements,
        envelope=contents.envelope,
    )


def _of_component(contents: Contents, release: Release) -> Contents:
    """Where there is one component only, what is inside is inside of that."""
    if len(release.artifacts) != 1:
        return contents
    component = next(iter(release.artifacts))
    return replace(contents, packages=tuple(replace(one, component=component) for one in contents.packages))


def _attached(release: Release, evidence: Evidence) -> Event:
    roles = ", ".join(sorted(evidence.roles))
    return Event(
        kind="release.attached",
        at=evidence.at,
        because=f"{evidence.name} ({evidence.format}: {roles}) was attached to {release.label()}.",
        application=release.name,
        release=release.id,
        data={"digest": evidence.digest, "format": evidence.format.value, "roles": roles},
    )


def _waiver_event(kind: str, one: Waiver, because: str, now: Instant) -> Event:
    return Event(
        kind=kind,
        at=now,
        because=because,
        application=one.application,
        environment=one.environment,
        data={"vulnerability": one.vulnerability, "package": one.package, "until": str(one.until)},
    )


# --- views ---


def evidence_view(one: Evidence) -> EvidenceView:
    return EvidenceView(
        release=one.release,
        digest=one.digest,
        format=one.format.value,
        version=one.version,
        roles=tuple(role.value for role in Role if role in one.roles),
        name=one.name,
        size=one.size,
        at=one.at,
        by=one.by,
        tool=one.tool,
        about=one.about,
        made_at=one.made_at,
        packages=one.packages,
        findings=one.findings,
    )


def findings_view(release: Release, environment: str, counts: FindingCounts, now: Instant) -> FindingsView:
    return FindingsView(
        release=release.id,
        release_label=release.label(),
        environment=environment,
        scanned_at=counts.scanned_at,
        counts={s.value: TallyView(t.open, t.fixable, t.waived) for s, t in counts.by_severity.items()},
        open=tuple(_finding_view(one) for one in counts.open[:SHOWN]),
        waived=tuple(_finding_view(one, waiver) for one, waiver in counts.waived[:SHOWN]),
        harmless=counts.harmless,
        expired=tuple(waiver_view(one, now) for one in counts.expired),
    )


def _finding_view(one: Finding, waiver: Waiver | None = None) -> FindingView:
    return FindingView(
        vulnerability=one.vulnerability,
        severity=one.severity.value,
        package=one.name,
        version=one.version,
        fixed=one.fixed,
        purl=one.purl,
        aliases=one.aliases,
        waived_until=waiver.until if waiver else None,
        waived_because=waiver.reason if waiver else "",
    )


def waiver_view(one: Waiver, now: Instant) -> WaiverView:
    return WaiverView(
        one.vulnerability,
        one.package,
        one.environment,
        one.application,
        one.until,
        one.reason,
        one.actor,
        one.at,
        one.expired(now),
    )


def _day(at: Instant) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%d %H:%M} UTC"
