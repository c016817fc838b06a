"""Logins at registries from where Docker and Podman keep them, read each time: whoever signs in need not start anything
again.

In this order, and the first that knows a registry wins: the text in ``DOCKER_AUTH_CONFIG``; the files
``REGISTRY_AUTH_FILE``, ``$DOCKER_CONFIG/config.json``, ``~/.docker/config.json`` and
``$XDG_RUNTIME_DIR/containers/auth.json``. In each, a credential helper (``docker-credential-NAME get``) comes first.
"""

import base64
import binascii
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from lockgate.core.errors import ComponentMissing, Denied, Invalid, Problem
from lockgate.core.secret import Secret
from lockgate.decoding import UNREADABLE, decoded
from lockgate.drivers.logins import Login
from lockgate.drivers.programs import find_program, run_program
from lockgate.drivers.registry import HUB, is_hub

PATIENCE = 20.0
"""Seconds for a credential helper; one that asks somebody would wait for ever."""
HUB_KEY = "https://index.docker.io/v1/"
"""Under which docker login keeps the login at Docker Hub."""
TOKEN_USER = "<token>"
"""The name under which a helper gives out an identity token."""
NOT_FOUND = "credentials not found"
"""How helpers say, with an exit code other than 0, that they have none."""


class Entry(msgspec.Struct, frozen=True):
    """One of ``auths``; empty where a helper has it."""

    auth: str = ""
    identitytoken: str = ""
    username: str = ""
    password: str = ""


class Config(msgspec.Struct, frozen=True, rename="camel"):
    """What of such a file is needed here."""

    auths: dict[str, Entry | None] = {}
    cred_helpers: dict[str, str] = {}
    creds_store: str = ""


class Helped(msgspec.Struct, frozen=True, rename="pascal"):
    """What a helper answers."""

    username: str = ""
    secret: str = ""


class DockerLogins:
    """Implements :data:`lockgate.drivers.logins.Logins`."""

    def __init__(self, env: Mapping[str, str] | None = None, patience: float = PATIENCE) -> None:
        self._env = os.environ if env is None else env
        self._patience = patience

    def __call__(self, registry: str) -> Login | None:
        """Raises :class:`Invalid` for a file that cannot be understood, :class:`ComponentMissing` (a helper that is not
        installed, a file that may not be read), :class:`Denied` and :class:`Unavailable` (a helper that fails, or
        takes too long)."""
        for where, text in self._texts():
            login = self._login(registry, where, _config(where, text))
            if login is not None:
                return login
        return None

    def registries(self) -> tuple[str, ...]:
        """Names of those that a login is kept for; a helper that is asked for every registry by its own name. Raises
        as being called does, but asks no helper."""
        found: list[str] = []
        for where, text in self._texts():
            config = _config(where, text)
            found += [_named(key) for key in (*config.auths, *config.cred_helpers)]
            found += [f"what docker-credential-{config.creds_store} has"] if config.creds_store else []
        return tuple(dict.fromkeys(found))

    def _texts(self) -> Iterator[tuple[str, str]]:
        if text := self._env.get("DOCKER_AUTH_CONFIG", "").strip():
            yield "DOCKER_AUTH_CONFIG", text
        for path in dict.fromkeys(self._files()):
            try:
                yield str(path), path.read_text()
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                because = f"The logins in {path} cannot be read: {error.strerror}."
                raise ComponentMissing(because, "Make it readable for the server's account.") from error
            except UnicodeDecodeError as error:
                raise _invalid(str(path), "it is not text") from error

    def _files(self) -> Iterator[Path]:
        for variable, below in (
            ("REGISTRY_AUTH_FILE", ""),
            ("DOCKER_CONFIG", "config.json"),
            ("HOME", ".docker/config.json"),
            ("XDG_RUNTIME_DIR", "containers/auth.json"),
        ):
            if folder := self._env.get(variable):
                yield Path(folder, below)

    def _login(self, registry: str, where: str, config: Config) -> Login | None:
        key = _key(registry, config.auths)
        helper = config.cred_helpers.get(_key(registry, config.cred_helpers) or "", "") or config.creds_store
        if helper:
            other = HUB_KEY if is_hub(registry) else registry
            login = self._ask(helper, key or _key(registry, config.cred_helpers) or other)
            if login is not None:
                return login
        entry = config.auths.get(key) if key else None
        return _of(entry, where) if entry else None

    def _ask(self, helper: str, server: str) -> Login | None:
        program = find_program(f"docker-credential-{helper}", f"signing in at {server}")
        ended = run_program([program, "get"], cwd=Path("/"), env=self._env, given=server, seconds=self._patience)
        if ended.code != 0:
            if NOT_FOUND in (ended.out + ended.err).lower():
                return None
            # What it printed is not shown: nobody knows whether a secret is part of it.
            because = f"docker-credential-{helper} gives no login for {server}: it ended with code {ended.code}."
            raise Denied(because, f"Run it yourself: echo {server} | docker-credential-{helper} get")
        try:
            found = decoded(ended.out, Helped)
        except UNREADABLE:
            because = f"docker-credential-{helper} answers for {server} with something that is no login."
            raise Denied(because, "Install the helper again, or sign in without it.") from None
        if found.username == TOKEN_USER:
            return Login("", Secret(""), Secret(found.secret))
        return Login(found.username, Secret(found.secret)) if found.username or found.secret else None


def _config(where: str, text: str) -> Config:
    try:
        return decoded(text, Config)
    except UNREADABLE:  # its message may show a part of the text
        raise _invalid(where, "it is not JSON as docker login writes it") from None


def _key(registry: str, keys: Iterable[str]) -> str | None:
    """The key that means the registry: its name, or an address of it as older Dockers wrote it."""
    known = list(keys)
    if registry in known:
        return registry
    return next((key for key in known if _same(registry, key)), None)


def _same(registry: str, key: str) -> bool:
    parts = urlsplit(key if "://" in key else f"//{key}")
    if parts.path.strip("/") not in ("", "v1", "v2"):  # of one folder of a registry, as Podman may have it
        return False
    return parts.netloc == registry or (is_hub(registry) and is_hub(parts.netloc))


def _named(key: str) -> str:
    """As in front of an image's name."""
    parts = urlsplit(key if "://" in key else f"//{key}")
    host, path = parts.netloc.rpartition("@")[2], parts.path.strip("/")
    named = HUB if is_hub(host) else host
    return named if path in ("", "v1", "v2") else f"{named}/{path}"


def _of(entry: Entry, where: str) -> Login | None:
    if entry.identitytoken:
        return Login("", Secret(""), Secret(entry.identitytoken))
    if not entry.auth:
        return Login(entry.username, Secret(entry.password)) if entry.username else None
    try:
        username, colon, password = base64.b64decode(entry.auth, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _invalid(where, "one of its logins is not in Base64") from None
    if not colon:
        raise _invalid(where, "one of its logins has no password")
    return Login(username, Secret(password.rstrip("\0")))


def _invalid(where: str, why: str) -> Invalid:
    return Invalid([Problem(where, None, "", f"The logins cannot be understood: {why}.", "Run docker login again.")])
