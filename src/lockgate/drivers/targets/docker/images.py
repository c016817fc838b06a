"""Images on an engine: pulled by digest, checked, remembered as ours, and removed when nothing needs them.

An image that was there before is somebody else's and is never removed. A note on disk, written before the pull, says
which are ours; a tag of our own keeps them from those who prune images without one.
"""

import base64
import json
import re
import threading
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lockgate.core.artifact import Artifact
from lockgate.core.errors import (
    ArtifactAltered,
    ArtifactMissing,
    Conflict,
    LockgateError,
    NotFound,
    PreparationFailed,
    StorageFull,
    Unavailable,
)
from lockgate.core.ids import Digest, digest_of, short
from lockgate.drivers.logins import Login, Logins
from lockgate.drivers.storage import storage
from lockgate.drivers.targets.docker.engine import Engine

GRACE = 3600.0
"""Seconds since it was last prepared within which an image stays, needed or not."""
MEBIBYTE = 1 << 20

_SAID: tuple[tuple[str, type[LockgateError], str], ...] = (
    (r"no space left|disk quota", StorageFull, "Free some space on the engine's disk."),
    (r"no matching manifest|does not match the specified platform", PreparationFailed, "Build it for this platform."),
    (
        r"unauthorized|denied|no basic auth|authentication required",
        PreparationFailed,
        "Log in: docker login {registry}.",
    ),
    (r"verif|did not match|invalid checksum|unexpected digest", ArtifactAltered, "Make the release again."),
    (
        r"connection refused|timeout|timed out|no such host|EOF|reset by peer|TLS|deadline|too ?many ?requests|"
        r"\b50\d\b|unavailable|server misbehaving|unreachable",
        Unavailable,
        "It is tried again.",
    ),
    (r"manifest unknown|not found|name unknown|no such", ArtifactMissing, "It may have been deleted there."),
)
"""What engines say of a pull that failed, and what it means; the first that fits."""


@dataclass(frozen=True, slots=True)
class Image:
    """One that is on the engine."""

    id: str
    user: str
    """Whom its programs run as, as it says itself."""


class Images:
    """Of one engine and one data folder. ``folder`` holds the notes; ``whose`` names the installation."""

    def __init__(self, engine: Engine, folder: Path, whose: str, login: Logins) -> None:
        self._engine, self._notes, self._whose, self._login = engine, folder, whose, login
        self._pulling: dict[Digest, dict[str, tuple[int, int]]] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def make(self, artifact: Artifact) -> Image:
        """Pulls it unless it is there. Raises ArtifactMissing, ArtifactAltered, PreparationFailed, StorageFull,
        Unavailable."""
        note = self._note(artifact)
        found = self.find(artifact) or self._fetch(artifact, note)
        self._refuse_other_platform(artifact, found)
        if note.exists():
            note.touch()
            with self._engine.asked(f"naming {artifact.label()}") as api:
                api.tag(found["Id"], f"lockgate/{self._whose}", note.stem, force=True)
        return Image(found["Id"], str((found.get("Config") or {}).get("User") or ""))

    def find(self, artifact: Artifact) -> Mapping[str, Any] | None:
        try:
            with self._engine.asked(f"looking for {artifact.label()}") as api:
                found: Mapping[str, Any] = api.inspect_image(_reference(artifact))  # type: ignore[no-untyped-call]
                return found
        except NotFound:
            return None

    def progress(self, artifact: Artifact) -> str:
        """`` (12 of 51 MiB pulled)`` while it is being pulled."""
        layers = self._pulling.get(artifact.digest)
        with self._lock:
            sizes = list(layers.values()) if layers else []
        if not sizes:
            return ""
        have, all_of_it = (sum(column) // MEBIBYTE for column in zip(*sizes, strict=True))
        return f" ({have} of {all_of_it} MiB pulled)"

    def collect(self, kept: Collection[Artifact], grace: float = GRACE) -> tuple[str, ...]:
        """Removes ours that are not in ``kept``, that no container uses, and that were not prepared of late. Returns
        their names."""
        needed = {self._note(artifact).name for artifact in kept}
        before = time.time() - grace
        old = [n for n in self._notes.glob("*.json") if n.name not in needed and n.stat().st_mtime < before]
        return tuple(name for note in old if (name := self._remove(note)))

    # --- pulling ---

    def _fetch(self, artifact: Artifact, note: Path) -> Mapping[str, Any]:
        """Noted before: an image whose pull we did not live to see ended is ours, too."""
        with storage(self._notes, "noting an image"):
            note.write_text(json.dumps(_reference(artifact)))
        try:
            self._pull(artifact)
            return self._pulled(artifact)
        except Unavailable:
            raise
        except LockgateError:
            # Whoever fetches it later, it is theirs.
            note.unlink(missing_ok=True)
            raise

    def _pull(self, artifact: Artifact) -> None:
        layers = self._pulling.setdefault(artifact.digest, {})
        registry = artifact.name.partition("/")[0]
        login = self._login(registry)
        try:
            params = {"fromImage": artifact.name, "tag": artifact.digest}
            said = self._engine.follow(f"pulling {artifact.label()}", "/images/create", params, _headers(login))
            self._follow(artifact, registry, said, layers)
        except (NotFound, Conflict, PreparationFailed) as error:
            raise explained(artifact, registry, str(error)) from error
        except Unavailable as error:
            if "does not answer" in error.because:
                raise
            raise explained(artifact, registry, str(error)) from error
        finally:
            self._pulling.pop(artifact.digest, None)

    def _follow(
        self, artifact: Artifact, registry: str, said: Iterable[Mapping[str, Any]], layers: dict[str, tuple[int, int]]
    ) -> None:
        errors = []
        for line in said:
            if "error" in line:
                errors.append(str(line["error"]))
            step = line.get("progressDetail") or {}
            if line.get("status") == "Downloading" and "total" in step:
                with self._lock:
                    layers[str(line["id"])] = int(step["current"]), int(step["total"])
        if errors:
            raise explained(artifact, registry, errors[0])

    def _pulled(self, artifact: Artifact) -> Mapping[str, Any]:
        found = self.find(artifact)
        digests = [str(name).partition("@")[2] for name in (found or {}).get("RepoDigests") or []]
        if found is None or artifact.digest not in digests:
            because = f"The Docker engine has pulled {artifact.label()}, but has no image with its digest."
            raise ArtifactAltered(because, "Look at the registry, and make the release again.")
        return found

    def _refuse_other_platform(self, artifact: Artifact, found: Mapping[str, Any]) -> None:
        has = f"{found.get('Os', '')}/{found.get('Architecture', '')}"
        with self._engine.asked("its version") as api:
            version = api.version()
        needs = f"{version.get('Os', '')}/{version.get('Arch', '')}"
        if has != needs:
            because = f"{artifact.label()} is an image for {has}, and the Docker engine runs {needs}."
            raise PreparationFailed(because, "Build it for that platform, and make a release of it.")

    # --- collecting ---

    def _note(self, artifact: Artifact) -> Path:
        """By its whole name: the same image may come from two registries."""
        return self._notes / f"{short(digest_of(_reference(artifact)))}.json"

    def _remove(self, note: Path) -> str:
        """Its name; empty when somebody still uses it."""
        reference = str(json.loads(note.read_text()))
        with suppress(NotFound), self._engine.asked(f"removing {reference}") as api:
            found = api.inspect_image(reference)  # type: ignore[no-untyped-call]
            if api.containers(all=True, quiet=True, filters={"ancestor": found["Id"]}):
                return ""
        for name in (f"lockgate/{self._whose}:{note.stem}", reference):
            with suppress(NotFound, Conflict), self._engine.asked(f"removing {name}") as api:
                api.remove_image(name)
        note.unlink(missing_ok=True)
        return reference


def _reference(artifact: Artifact) -> str:
    return f"{artifact.name}@{artifact.digest}"


def _headers(login: Login | None) -> dict[str, str]:
    """``X-Registry-Auth``, as the API wants it."""
    if login is None:
        return {}
    if login.identity_token is not None:
        auth = {"identitytoken": login.identity_token.reveal()}
    else:
        auth = {"username": login.username, "password": login.password.reveal()}
    return {"X-Registry-Auth": base64.urlsafe_b64encode(json.dumps(auth).encode()).decode()}


def explained(artifact: Artifact, registry: str, said: str) -> LockgateError:
    """What an engine's words about a pull mean."""
    # Its own name may say anything: a port 5000, a service called timeout.
    words = said
    for name in (artifact.digest, artifact.name, artifact.name.removeprefix(f"{registry}/"), registry):
        words = words.replace(name, "")
    for pattern, kind, mend in _SAID:
        if re.search(pattern, words, re.IGNORECASE):
            because = f"The registry {registry} does not give {artifact.label()} to the Docker engine: {said}"
            return kind(because.rstrip(".") + ".", mend.format(registry=registry))
    return PreparationFailed(f"{artifact.label()} cannot be pulled from the registry {registry}: {said.rstrip('.')}.")
