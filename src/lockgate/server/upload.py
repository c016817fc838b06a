"""A request's body on its way into the store of documents, piece by piece, never whole in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from anyio import to_thread
from starlette.exceptions import HTTPException
from starlette.requests import Request

from lockgate.core.evidence import MAX_BYTES
from lockgate.ports import Incoming
from lockgate.server.operations import OperationsLike

PIECE = 1024 * 1024
"""Bytes that are collected before a thread writes them."""


@asynccontextmanager
async def upload_of(request: Request, operations: OperationsLike) -> AsyncIterator[Incoming]:
    """The whole body, written down. Raises :class:`HTTPException` 413 as soon as too much is announced or has come."""
    announced = request.headers.get("content-length", "0")
    if announced.isdigit() and int(announced) > MAX_BYTES:
        raise _too_large()
    incoming = operations.supply.incoming()
    sink = await to_thread.run_sync(incoming.__enter__)
    try:
        await _filled(sink, request)
        yield sink
    finally:
        await to_thread.run_sync(lambda: incoming.__exit__(None, None, None))


async def _filled(sink: Incoming, request: Request) -> None:
    waiting, size = bytearray(), 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise _too_large()
        waiting += part
        if len(waiting) >= PIECE:
            await to_thread.run_sync(sink.write, bytes(waiting))
            waiting.clear()
    await to_thread.run_sync(sink.write, bytes(waiting))


def _too_large() -> HTTPException:
    because = f"The document is larger than {MAX_BYTES} bytes."
    return HTTPException(413, f"{because} Nothing was kept. Attach one document for each component.")
