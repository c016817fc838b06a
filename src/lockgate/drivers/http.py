"""HTTP for health, warm-up and verification: one request, one connection, from the standard library.

A check must see what a new user would see, so no connection is kept and no redirect is followed.
"""

import http.client
import time
from collections.abc import Mapping
from urllib.parse import urlsplit

from lockgate.core.errors import Unavailable
from lockgate.core.verification import HttpAnswer

LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes read of an answer; a check looks no further."""


class HttpClient:
    """Implements :class:`lockgate.ports.Http`."""

    def request(self, method: str, url: str, headers: Mapping[str, str], timeout: float) -> HttpAnswer:
        """Raises :class:`Unavailable` when no whole answer came in time."""
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        make = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        connection = make(parts.hostname or "", parts.port, timeout=timeout)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        started = time.monotonic()
        try:
            connection.request(method, path, headers={"user-agent": "lockgate", **headers})
            response = connection.getresponse()
            body = response.read(LONGEST_ANSWER)
        except TimeoutError as error:
            raise Unavailable(f"no answer came within {timeout:g} s from {parts.netloc}") from error
        except (OSError, http.client.HTTPException) as error:
            raise Unavailable(f"{parts.netloc} did not answer ({type(error).__name__}: {error})") from error
        finally:
            connection.close()
        found = {name.lower(): value for name, value in response.getheaders()}
        return HttpAnswer(response.status, found, body, time.monotonic() - started)
