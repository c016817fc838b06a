"""The client's calls for what is attached to releases, and for what runs where."""

from pathlib import Path
from urllib.parse import quote, urlencode

from lockgate.client.wire import Wire
from lockgate.core.errors import Invalid, Problem
from lockgate.decoding import decoded
from lockgate.messages import EvidenceView, FindingsView, GiveWaiver, InventoryView, TakeWaiver, WaiverView, WhereView

READING = 180.0
"""Seconds until a great document has been sent and read."""


class SupplyCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def attach(self, application: str, release: str, file: Path, kind: str = "auto", actor: str = "") -> EvidenceView:
        """The file is sent as it is, piece by piece. Raises :class:`Invalid` when it cannot be read."""
        query = urlencode({"application": application, "kind": kind, "file": file.name})
        headers = {"Content-Type": "application/octet-stream", **({"X-Lockgate-Actor": actor} if actor else {})}
        try:
            with file.open("rb") as body:
                headers["Content-Length"] = str(file.stat().st_size)
                path = f"/v1/releases/{quote(release, safe='')}/evidence?{query}"
                return decoded(self._exchange("POST", path, body, READING, headers), EvidenceView)
        except OSError as error:
            because = f"it cannot be read: {error.strerror}."
            raise Invalid([Problem(str(file), None, "", because, "Look at its path.")]) from error

    def evidence(self, application: str, release: str = "latest") -> tuple[EvidenceView, ...]:
        """What is attached, oldest first."""
        path = f"/v1/releases/{quote(release, safe='')}/evidence"
        return self._get(path, tuple[EvidenceView, ...], application=application)

    def findings(self, application: str, release: str = "latest", environment: str = "") -> FindingsView:
        place = {"application": application, "release": release, "environment": environment}
        return self._get("/v1/findings", FindingsView, **place)

    def waivers(self) -> tuple[WaiverView, ...]:
        return self._get("/v1/waivers", tuple[WaiverView, ...])

    def waive(self, request: GiveWaiver) -> WaiverView:
        return self._post("/v1/waivers", request, WaiverView)

    def unwaive(self, request: TakeWaiver) -> None:
        self._post("/v1/waivers/remove", request, None)

    def inventory(self, environment: str = "", application: str = "", at: int = 0, limit: int = 1000) -> InventoryView:
        """``at`` 0: now."""
        place = {"environment": environment, "application": application}
        return self._get("/v1/inventory", InventoryView, **place, at=at, limit=limit)

    def where(self, what: str, at: int = 0, ever: bool = False, limit: int = 200) -> WhereView:
        """``at`` 0: now."""
        return self._get("/v1/where", WhereView, what=what, at=at, ever="yes" if ever else "no", limit=limit)
