"""Pinning: a plan says which content of each secret was meant, so that it means the same when it is gone back to."""

from collections.abc import Mapping
from dataclasses import replace

from lockgate.core.admission import Admission
from lockgate.core.environment import Environment
from lockgate.core.gate import Verdict
from lockgate.core.ids import Instant
from lockgate.core.plan import InstanceSpec
from lockgate.core.release import Release
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.engine.gatehouse import Question
from lockgate.gates import secrets
from lockgate.ports import SecretVault


def pinned(vault: SecretVault, release: Release, environment: Environment) -> Environment:
    """The environment with the secrets that the release reads as they are now. One that it does not have is left for
    whoever makes the plan to tell. Raises what the port raises."""
    read = {name for component in release.application.components.values() for name in component.secrets}
    now = {name: vault.pin(environment.secrets[name], environment.name) for name in read & set(environment.secrets)}
    return replace(environment, secrets={**environment.secrets, **now}) if now else environment


def changes(vault: SecretVault, spec: InstanceSpec) -> str:
    """What instances of it would read differs from what was planned, as a sentence; empty: it does not. Raises what the
    port raises."""
    found = {name: vault.changed(source) for name, source in spec.secrets.items()}
    told = [f"secret {name} cannot be the same: {because}" for name, because in sorted(found.items()) if because]
    return f"Its {' and its '.join(told)}." if told else ""


def differences(old: Mapping[str, SecretSource], new: Mapping[str, SecretSource]) -> list[str]:
    """Between two plans, for people."""
    names = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return [f"its secret {name} {_difference(old.get(name), new.get(name))}" for name in names]


def _difference(old: SecretSource | None, new: SecretSource | None) -> str:
    if old is None or new is None:
        return "is not read any more" if new is None else "is read, too"
    if old.anyhow != new.anyhow:
        return f"is read from {new} instead of {old}"
    if old.content and new.version is not None:
        return f"goes from {old.content} to {new.content}"
    return "has another content" if old.content else "is named by its content from now on"


def question(vault: SecretVault) -> tuple[str, Question]:
    """For the gatehouse: are the secrets still those of the plan?"""

    def as_planned(admission: Admission, now: Instant) -> Verdict:
        read = {n: s for part in admission.plan.components for n, s in part.spec.secrets.items() if s.pinned}
        for source in read.values():
            if source.store is SecretStore.VAULT:
                vault.reveal(source)  # the version may have been destroyed: nothing begins that could not start
        found = {name: because for name, source in read.items() if (because := vault.changed(source))}
        gone = {name: because for name, because in found.items() if read[name].store is SecretStore.KEPT}
        changed = {name: because for name, because in found.items() if name not in gone}
        release, environment = admission.release.label(), admission.environment.name
        facts = secrets.Facts(release, environment, changed, gone, len(read), admission.rollback)
        return secrets.evaluate(facts, now)

    return secrets.GATE, as_planned
