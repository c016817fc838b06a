"""Naming: what people call a release."""

from lockgate.core.errors import Conflict, NotFound
from lockgate.core.ids import ReleaseId
from lockgate.core.release import Release
from lockgate.ports import Store

LATEST = "latest"


def find_release(store: Store, application: str, name: str) -> Release:
    """By id, number, version or ``latest``. Raises NotFound naming what there is."""
    if name.startswith("rel-"):
        return store.releases.get(ReleaseId(name))
    known = store.releases.select(application, 500)
    wanted = name.removeprefix("#")
    found = [r for r in known if name == LATEST or r.version == name or str(r.number) == wanted]
    versions = {r.id for r in found if r.version == name}
    if len(versions) > 1:
        several = ", ".join(f"#{r.number}" for r in found)
        raise Conflict(f"{application} has several releases of version {name}.", f"Say which: {several}.")
    if found:
        return found[0]
    have = ", ".join(f"{r.version} (#{r.number})" for r in known[:5]) or "none; make one with: lockgate release create"
    raise NotFound(f"{application or 'Lockgate'} has no release {name!r}.", f"The newest are: {have}.")
