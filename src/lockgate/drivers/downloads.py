"""Bytes from a URL or a path, streamed into a blob that is not kept yet.

Names and passwords come from the URL's owner: the ``user:password@`` of a configured index of the same host, or the
user's netrc file. They are never part of what is kept or shown.
"""

import base64
import netrc
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

import httpx2

from lockgate.core.artifact import Reference
from lockgate.core.errors import ArtifactMissing, ArtifactMistyped, LockgateError, Unavailable
from lockgate.drivers.blobs import Incoming, chunks_of

_TRIES = 3
_GONE = frozenset({404, 410})
_SECRET = frozenset({401, 403, 407})


class Downloads:
    """One client for several downloads, with connections kept open; many threads may use it."""

    def __init__(self, client: httpx2.Client, indexes: Iterable[str] = ()) -> None:
        self._client = client
        self._owners = {_origin(url): _owner(url) for url in indexes if _owner(url)}

    def fetch(self, url: str, into: Incoming) -> None:
        """``https:``, ``http:`` and ``file:``. Raises :class:`ArtifactMissing`, :class:`Unavailable`,
        :class:`ArtifactMistyped` for another scheme, :class:`StorageFull`."""
        scheme = urlsplit(url).scheme.lower()
        if scheme == "file":
            copy_in(Path(url2pathname(urlsplit(url).path)), into)
        elif scheme in {"http", "https"}:
            self._fetch(url, into)
        else:
            because = f"{without_owner(url)} cannot be fetched: {scheme or 'no scheme'} is not a scheme known here."
            raise ArtifactMistyped(because, "Use https:, http: or a path.")

    def _fetch(self, url: str, into: Incoming) -> None:
        for again in range(_TRIES):
            try:
                return self._try(url, into)
            except httpx2.HTTPError as error:
                # What was written cannot be taken back out of the digest, so only a clean start is repeated.
                if into.size or again + 1 == _TRIES:
                    because = f"{without_owner(url)} could not be fetched: {error or type(error).__name__}."
                    raise Unavailable(because, "Look at the network and the server, and try again.") from error
                time.sleep(0.2 * (again + 1))
        return None

    def _try(self, url: str, into: Incoming) -> None:
        with self._client.stream("GET", without_owner(url), headers=self._headers(url)) as answer:
            problem = _problem(answer.status_code, without_owner(url))
            if problem is not None:
                raise problem
            # Raw: a .tar.gz served with Content-Encoding: gzip is still the file that its digest names.
            for chunk in answer.iter_raw():
                into.write(chunk)

    def _headers(self, url: str) -> dict[str, str]:
        owner = _owner(url) or self._owners.get(_origin(url), "") or _from_netrc(url)
        accept = {"Accept-Encoding": "identity"}
        if not owner:
            return accept
        return accept | {"Authorization": "Basic " + base64.b64encode(owner.encode()).decode()}


@contextmanager
def downloads(indexes: Iterable[str] = ()) -> Iterator[Downloads]:
    """Downloads with a time limit on each connection and each pause, and with the environment's proxies."""
    with httpx2.Client(follow_redirects=True, timeout=httpx2.Timeout(30.0, connect=10.0)) as client:
        yield Downloads(client, indexes)


def copy_in(path: Path, into: Incoming) -> None:
    """Raises :class:`ArtifactMissing` and :class:`ArtifactMistyped` (a folder, a device)."""
    if not path.exists():
        raise ArtifactMissing(
            f"There is no file {path}.", "Look at the spelling; paths start at the application's file."
        )
    if not path.is_file():
        because = f"{path} is not a file."
        raise ArtifactMistyped(because, "For a folder use git: or make an archive of it.")
    try:
        with path.open("rb") as file:
            for chunk in chunks_of(file):
                into.write(chunk)
    except PermissionError as error:
        raise ArtifactMissing(f"{path} may not be read by Lockgate.", "Give its account the right to.") from error


def for_people(reference: Reference) -> str:
    """The reference without a name and password in its URL."""
    return f"{reference.kind.value}:{without_owner(reference.name)}" if "://" in reference.name else str(reference)


def without_owner(url: str) -> str:
    """The URL without a name and password, to show and to keep."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _owner(url: str) -> str:
    return unquote(urlsplit(url).netloc.rpartition("@")[0])


def _origin(url: str) -> str:
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def _from_netrc(url: str) -> str:
    try:
        found = netrc.netrc().authenticators(urlsplit(url).hostname or "")
    except (OSError, netrc.NetrcParseError):
        return ""
    return f"{found[0]}:{found[2]}" if found else ""


def _problem(status: int, url: str) -> LockgateError | None:
    if status in _GONE:
        return ArtifactMissing(
            f"{url} is not there (HTTP {status}).", "Look at the spelling, or whether it was removed."
        )
    if status in _SECRET:
        because = f"{url} may not be read (HTTP {status})."
        return ArtifactMissing(because, "Give a name and password in the index URL or in the netrc file.")
    if status != 200:
        return Unavailable(f"{url} answered with HTTP {status}.", "Try again later.")
    return None
