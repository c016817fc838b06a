"""Provenance: a release enters only when keys that are known here have signed where each of its artifacts comes from.

A statement counts when a known key has signed it, it is SLSA provenance, and its builder and its source are among those
that are taken here. Together, those that count must name every artifact by digest. A rollback passes: it brings back
what was let in here before.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lockgate.core.environment import ProvenanceRule
from lockgate.core.evidence import Attestation
from lockgate.core.gate import Answer, Verdict
from lockgate.core.ids import Instant, short

GATE = "provenance"
_SLSA = "https://slsa.dev/provenance/"
_WHO = "whoever builds the release"


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about where the release comes from. Signatures have been checked against the environment's keys."""

    release: str
    """Its label, for people."""
    identity: str
    """Its id, for commands."""
    environment: str
    rule: ProvenanceRule | None
    """None: nothing is asked."""
    artifacts: Mapping[str, str]
    """What it is, for people -> digest."""
    attestations: Sequence[Attestation] = ()
    rollback: bool = False


def evaluate(facts: Facts, now: Instant) -> Verdict:
    """DENY, with what is wrong with each statement that names the artifact, until all artifacts are covered."""
    rule = facts.rule
    if rule is None or not rule.required:
        return _open(f"{facts.environment} asks for no provenance.")
    if facts.rollback:
        return _open("A rollback brings back what ran here before.")
    faults = {one: _fault(one, rule) for one in facts.attestations}
    covered = {digest for one, fault in faults.items() if not fault for digest in one.subjects}
    missing = {name: digest for name, digest in facts.artifacts.items() if digest not in covered}
    if not missing:
        signers = ", ".join(sorted({one.signed_by for one, fault in faults.items() if not fault}))
        return _open(f"Where {facts.release} comes from is signed by {signers}.")
    told = "; ".join(_why(name, digest, faults) for name, digest in list(missing.items())[:3])
    more = f"; and {len(missing) - 3} more" if len(missing) > 3 else ""
    because = (
        f"{facts.environment} asks where each artifact comes from, signed: {told}{more}. "
        f"Attach a signed statement: lockgate release attach {facts.identity} FILE"
    )
    return Verdict(GATE, Answer.DENY, because, who=_WHO)


def _fault(one: Attestation, rule: ProvenanceRule) -> str:
    """Why a statement does not count; empty: it does."""
    if not one.signed_by:
        return one.because or "nobody known signed it"
    if not one.predicate.startswith(_SLSA):
        return f"it is no SLSA provenance but {one.predicate or 'nothing that it names'}"
    if rule.builders and not any(_like(one.builder, pattern) for pattern in rule.builders):
        return f"its builder {one.builder or '(none named)'} is not one of {', '.join(rule.builders)}"
    if rule.source and not any(_like(source, pattern) for source in one.sources for pattern in rule.source):
        named = ", ".join(one.sources[:2]) or "(none named)"
        return f"its source {named} is not one of {', '.join(rule.source)}"
    return ""


def _why(name: str, digest: str, faults: Mapping[Attestation, str]) -> str:
    about = [f"{one.document}: {fault}" for one, fault in faults.items() if digest in one.subjects]
    if about:
        return f"{name} ({short(digest)}), of {about[0]}"
    unreadable = [f"; {one.document}: {fault}" for one, fault in faults.items() if not one.subjects]
    return f"no statement names {name} ({digest})" + (unreadable[0] if unreadable else "")


def _like(text: str, pattern: str) -> bool:
    """``*`` stands for anything; a source may have ``git+`` in front and ``@ref`` behind."""
    wanted = re.compile(".*".join(re.escape(part) for part in pattern.split("*")))
    bare = text.removeprefix("git+")
    return any(wanted.fullmatch(form) is not None for form in (text, bare, bare.partition("@")[0]))


def _open(because: str) -> Verdict:
    return Verdict(GATE, Answer.PASS, because)
