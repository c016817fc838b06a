"""Statements of a release and of a plan, as in-toto has them: which artifacts, and what was decided of them.

Signed when they are recorded, they say later whether what stands in the database is still that. Fields that join a
release later carry ``metadata=LATER``, so that old statements stay true.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lockgate.core.artifact import Artifact
from lockgate.core.errors import RecordAltered
from lockgate.core.ids import canonical, plain
from lockgate.core.plan import Plan
from lockgate.core.release import Release, freeze

STATEMENT = "https://in-toto.io/Statement/v1"
RELEASE, PLAN = "urn:lockgate:release:v1", "urn:lockgate:plan:v1"


def of_release(release: Release) -> bytes:
    """The payload of its statement: RFC 8785 bytes."""
    artifacts = {**release.artifacts, **_files(release)}
    return _statement(artifacts, RELEASE, {"release": _bare(release)})


def of_plan(plan: Plan) -> bytes:
    artifacts = {component.key.part: component.spec.artifact for component in plan.components}
    return _statement(artifacts, PLAN, {"digest": plan.digest, "plan": plain(plan)})


def demand_release(release: Release, content: Mapping[str, Any]) -> None:
    """Raises :class:`RecordAltered` unless the statement's content is of exactly this release."""
    made = freeze(release.application, release.artifacts, release.files, at=release.created_at, by=release.created_by)
    if (made.id, made.digest) != (release.id, release.digest):
        raise RecordAltered(f"{release.id} is not what its digest says: its definition or its artifacts were changed.")
    if content.get("predicateType") != RELEASE or content.get("predicate") != {"release": _bare(release)}:
        raise RecordAltered(f"{release.id} is not what was signed when it was recorded.")


def demand_plan(plan: Plan, content: Mapping[str, Any]) -> None:
    """The same of a plan."""
    if content.get("predicateType") != PLAN or content.get("predicate", {}).get("digest") != plan.digest:
        raise RecordAltered(f"The plan {plan.digest} is not what was signed when it was recorded.")


def _statement(artifacts: Mapping[str, Artifact], kind: str, predicate: Mapping[str, Any]) -> bytes:
    subject = [{"name": name, "digest": _digest(artifact)} for name, artifact in sorted(artifacts.items())]
    return canonical({"_type": STATEMENT, "subject": subject, "predicateType": kind, "predicate": predicate})


def _digest(artifact: Artifact) -> Mapping[str, str]:
    algorithm, _, value = artifact.digest.partition(":")
    return {algorithm: value}


def _files(release: Release) -> Mapping[str, Artifact]:
    return {f"{part}/{name}": file for part, files in release.files.items() for name, file in files.items()}


def _bare(release: Release) -> dict[str, Any]:
    """Its number, and who is credited later, are given by the store after it is signed."""
    value: dict[str, Any] = plain(replace(release, number=0, credited=()))
    return value
