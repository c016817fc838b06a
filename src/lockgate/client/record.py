"""The client's calls about the audit record and its signatures."""

import http.client
from collections.abc import Iterator
from urllib.parse import quote

from lockgate.client.address import no_server
from lockgate.client.wire import SLOW, Wire, decoded_as, query_of, refuse
from lockgate.messages import AuditView
from lockgate.messages.audit import KeysView, RotateKey, StatementView, Verification

PIECE = 64 * 1024
"""Bytes of an export that are read at once."""


class RecordCalls(Wire):
    """Part of :class:`lockgate.client.Client`."""

    __slots__ = ()

    def audit(self, after: int = 0, limit: int = 100, order: str = "oldest", **chosen: str | int) -> AuditView:
        """``chosen``: ``actor``, ``application``, ``environment``, ``kind``, ``since``, ``until``."""
        return self._get("/v1/audit", AuditView, after=after, limit=limit, order=order, **chosen)

    def verification(self) -> Verification:
        """Of the whole record, read anew by the server."""
        return decoded_as(self._exchange("GET", "/v1/audit/verification", None, SLOW), Verification)

    def export_audit(self, since: int = 0, until: int = 0, form: str = "jsonl") -> Iterator[bytes]:
        """The record as a file, piece by piece. What breaks off raises :class:`Unavailable`."""
        path = "/v1/audit/export" + query_of({"since": since, "until": until, "format": form})
        address, connection, answer = self._send("GET", path, None, SLOW, {})
        try:
            if answer.status >= 400:
                refuse(answer.status, answer.read())
            while piece := answer.read(PIECE):
                yield piece
        except (OSError, http.client.HTTPException) as error:
            raise no_server(address.looked_in) from error
        finally:
            connection.close()

    def keys(self) -> KeysView:
        return self._get("/v1/keys", KeysView)

    def rotate_key(self, message: RotateKey) -> KeysView:
        return self._post("/v1/keys/rotate", message, KeysView)

    def release_statement(self, application: str, name: str) -> StatementView:
        path = f"/v1/releases/{quote(name, safe='')}/statement"
        return self._get(path, StatementView, application=application)

    def plan_statement(self, name: str) -> StatementView:
        """Of a deployment's plan."""
        return self._get(f"/v1/deployments/{quote(name, safe='')}/statement", StatementView)
