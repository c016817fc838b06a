"""The server's own settings, from environment variables ``LOCKGATE_*``. Each says its unit, its default and why so.

Everything about applications and environments is in their files; only what belongs to this one process is here.
"""

import difflib
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from lockgate.config.document import Scalar
from lockgate.config.environments_file import LOOPBACK, Address
from lockgate.config.form import At, Choice
from lockgate.config.scalars import Text, YesOrNo, duration
from lockgate.config.targets import PortRange
from lockgate.core.environment import Listen
from lockgate.core.errors import Invalid, Problem
from lockgate.core.secret import Secret

PREFIX = "LOCKGATE_"
WHERE = "environment variable"


@dataclass(frozen=True, slots=True)
class Settings:
    """How one server runs."""

    home: Path
    """``LOCKGATE_HOME``: folder of the database, artifacts and running instances, absolute. Default:
    ``$XDG_DATA_HOME/lockgate``, else ``~/.local/share/lockgate``: data of one user that outlives a project's folder."""
    data: Path
    """``LOCKGATE_DATA``: folder of artifacts, instances and the router, absolute. Default: the home folder. Several
    servers of one machine that share a Postgres database have a home each, and this in common."""
    environments: Path
    """``LOCKGATE_ENVIRONMENTS``: the environments' file, absolute. Default: ``environments.yaml`` in the working
    folder, where ``lockgate init`` writes it."""
    database: str = field(repr=False)
    """``LOCKGATE_DATABASE``: URL, ``sqlite:///...`` or ``postgresql://...``. Default: ``lockgate.db`` in the home
    folder, because one machine needs no server for it. Not shown: it may hold a password."""
    listen: Listen = field(default_factory=lambda: Listen(LOOPBACK, 7070))
    """``LOCKGATE_LISTEN``: address of the API and console. Loopback only: it speaks no TLS."""
    lease: float = 10.0
    """``LOCKGATE_LEASE``: seconds a worker owns a deployment without renewing. Short enough that another worker takes
    over soon after a crash, long enough for a machine that swaps."""
    poll: float = 0.5
    """``LOCKGATE_POLL``: seconds between looks at the database when nothing wakes the worker. A look takes about a
    millisecond."""
    envoy: Path | None = None
    """``LOCKGATE_ENVOY``: the router's binary. Default: None, the one that was installed with Lockgate."""
    ports: tuple[int, int] = (20000, 29999)
    """``LOCKGATE_PORTS``: first and last port for instances. The default is below 32768, where Linux begins to give
    ports to outgoing connections, which could take one first."""
    public_url: str = ""
    """``LOCKGATE_PUBLIC_URL``: where people reach the console, as ``https://deploy.example.org``; links in
    notifications begin with it. Default: none, and no links: what the server listens on leads nobody else anywhere."""
    notify_link_local: bool = False
    """``LOCKGATE_NOTIFY_LINK_LOCAL``: whether notifications may go to link-local and metadata addresses. Default:
    false, because whoever may write a channel could have the server ask for its machine's credentials."""
    audit_keep: float | None = None
    """``LOCKGATE_AUDIT_KEEP``: seconds that audit entries stay in the database: whole days that are older are
    exported to the folder ``archive`` and cut off. Default: None, for ever: a few hundred bytes each are cheap."""
    log_level: str = "info"
    """``LOCKGATE_LOG_LEVEL``: debug, info, warning or error. Info is a line for each thing that was done."""
    master_key: Secret | None = field(default=None, repr=False)
    """``LOCKGATE_MASTER_KEY``: what opens the kept secrets, in Base64; behind it, those from before. Default: None, a
    file. Not shown."""
    master_key_file: Path | None = None
    """``LOCKGATE_MASTER_KEY_FILE``: the file it is in, absolute. Default: None, ``keys/master`` in the data folder,
    made when it is needed first."""
    vault_address: str = ""
    """``LOCKGATE_VAULT_ADDRESS``: URL of the Vault that secrets are read from; https, unless it is on this machine."""
    vault_namespace: str = ""
    """``LOCKGATE_VAULT_NAMESPACE``: namespace there, if it has any."""
    vault_ca: Path | None = None
    """``LOCKGATE_VAULT_CA``: PEM file of who signed its certificate. Default: None, those that the machine trusts."""
    vault_token_file: Path | None = None
    """``LOCKGATE_VAULT_TOKEN_FILE``: file with a token, read at each request; somebody else renews it."""
    vault_role_id: str = ""
    """``LOCKGATE_VAULT_ROLE_ID``: AppRole that the server signs in with."""
    vault_secret_id_file: Path | None = None
    """``LOCKGATE_VAULT_SECRET_ID_FILE``: file with the secret id of that role."""
    vault_role: str = ""
    """``LOCKGATE_VAULT_ROLE``: role that the server signs in with by a JWT."""
    vault_jwt_file: Path | None = None
    """``LOCKGATE_VAULT_JWT_FILE``: file with that JWT, such as a Kubernetes service account's."""
    vault_mount: str = ""
    """``LOCKGATE_VAULT_MOUNT``: where that way of signing in is mounted. Default: ``approle`` or ``jwt``."""


_OTHERS = frozenset({"LOCKGATE_ENVIRONMENT"})
"""Not settings, though they look like one: what instances and checks are told of themselves."""

_FILES = ("master_key_file", "vault_ca", "vault_token_file", "vault_secret_id_file", "vault_jwt_file")
"""Absolute once they are read."""

LEVELS = ("debug", "info", "warning", "error")


class _PlainPath:
    """A path; ``~`` is the user's home folder."""

    def read(self, at: At) -> Path:
        text = Text("a path", empty=False).read(at)
        try:
            return Path(text).expanduser()
        except RuntimeError as error:
            raise at.refused(f"{text} begins with ~, but the user has no home folder.", "Write it out.") from error

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class _Program(_PlainPath):
    """A path of a program that is there."""

    def read(self, at: At) -> Path:
        path = super().read(at).absolute()
        if not (path.is_file() and os.access(path, os.X_OK)):
            raise at.refused(f"{path} is not a program.", "Name an executable file, or unset the variable.")
        return path


class _Database:
    """A database URL. It is never quoted back, since it may hold a password."""

    def read(self, at: At) -> str:
        text = Text("a database URL", empty=False).read(at)
        scheme = text.partition(":")[0].partition("+")[0]
        if "://" not in text or scheme not in ("sqlite", "postgresql"):
            because = "it is not the URL of a database that Lockgate knows."
            raise at.refused(because, "Write sqlite:///path/lockgate.db or postgresql://user@host/name.")
        return text

    def schema(self) -> dict[str, Any]:
        return {"type": "string"}


class _Hidden:
    """A text that is never quoted back."""

    def read(self, at: At) -> Secret:
        return Secret(Text("a key", empty=False).read(at))


class _Url:
    """Of a server that is told secrets, or tells them."""

    def read(self, at: At) -> str:
        text = Text("an address such as https://vault.example:8200", empty=False).read(at)
        parts = urlsplit(text)
        here = parts.hostname == "localhost" or (parts.hostname or "").startswith("127.")
        if not parts.hostname or parts.username or parts.query or parts.path.strip("/"):
            raise at.expected("an address such as https://vault.example:8200", "It has no path, name or password.")
        if parts.scheme != "https" and not (parts.scheme == "http" and here):
            raise at.refused(f"{text} would be asked for secrets without TLS.", "Write it as https://.")
        return text


class _PublicUrl:
    """An address that a path can be put behind."""

    def read(self, at: At) -> str:
        text = Text("an address", empty=False).read(at)
        if not re.fullmatch(r"https?://[A-Za-z0-9.\[\]:-]+(?:/[^\s?#]*)?", text):
            raise at.refused(f"{text!r} is not an address.", "Write it as https://deploy.example.org.")
        return text.rstrip("/")


class _Loopback(Address):
    """An address of this machine that only this machine reaches."""

    def _host(self, at: At, host: str) -> str:
        found = super()._host(at, host)
        if not found.startswith("127."):
            because = f"the API on {found} would be in reach of the network, and it speaks no TLS."
            raise at.refused(because, "Listen on 127.0.0.1 and put a proxy with TLS in front of it.")
        return found


class _Ports(PortRange):
    """First and last."""

    def ends(self, at: At) -> tuple[int, int]:
        first, last = self.read(at).split("-")
        return int(first), int(last)


_READERS: Mapping[str, Callable[[At], Any]] = {
    "home": _PlainPath().read,
    "data": _PlainPath().read,
    "environments": _PlainPath().read,
    "database": _Database().read,
    "listen": _Loopback().read,
    "lease": duration("a lease", 2, 300).read,
    "poll": duration("a pause", 0.05, 60).read,
    "envoy": _Program().read,
    "ports": _Ports().ends,
    "public_url": _PublicUrl().read,
    "notify_link_local": YesOrNo().read,
    "audit_keep": duration("a time to keep", 86_400, 100 * 366 * 86_400).read,
    "log_level": Choice("a log level", {level: level for level in LEVELS}).read,
    "master_key": _Hidden().read,
    **dict.fromkeys(_FILES, _PlainPath().read),
    "vault_address": _Url().read,
    **dict.fromkeys(("vault_namespace", "vault_role_id", "vault_role", "vault_mount"), Text(empty=False).read),
}


def read_settings(environ: Mapping[str, str], folder: Path) -> Settings:
    """Settings from the variables, relative paths from ``folder``; an empty variable counts as not set. Raises
    :class:`Invalid` naming every variable that cannot be understood."""
    problems = list(_misspelt(environ))
    given: dict[str, Any] = {}
    for name, reader in _READERS.items():
        variable = PREFIX + name.upper()
        if environ.get(variable):
            try:
                given[name] = reader(_at(variable, environ[variable]))
            except Invalid as fault:
                problems.extend(fault.problems)
    settings = _completed(given, environ, folder)
    if settings.poll * 3 > settings.lease:
        because = f"{settings.poll:g}s is too long for a lease of {settings.lease:g}s."
        problems.append(_problem("LOCKGATE_POLL", because, "At most a third of the lease keeps it renewed."))
    problems.extend(_vault_faults(settings))
    if problems:
        raise Invalid(problems)
    return settings


def _vault_faults(settings: Settings) -> Iterable[Problem]:
    ways: dict[str, list[object]] = {
        "LOCKGATE_VAULT_TOKEN_FILE": [settings.vault_token_file],
        "LOCKGATE_VAULT_ROLE_ID and LOCKGATE_VAULT_SECRET_ID_FILE": [
            settings.vault_role_id,
            settings.vault_secret_id_file,
        ],
        "LOCKGATE_VAULT_ROLE and LOCKGATE_VAULT_JWT_FILE": [settings.vault_role, settings.vault_jwt_file],
    }
    begun = [way for way, given in ways.items() if any(given)]
    whole = [way for way, given in ways.items() if all(given)]
    if begun and not settings.vault_address:
        yield _problem("LOCKGATE_VAULT_ADDRESS", "it is missing.", f"Set it, or unset {begun[0]}.")
    if (settings.vault_address or begun) and (len(begun) != 1 or begun != whole):
        because = "the server must sign in to Vault in one way, and one only."
        yield _problem("LOCKGATE_VAULT_ADDRESS", because, f"Set {'; or '.join(ways)}.")
    if settings.master_key is not None and settings.master_key_file is not None:
        yield _problem("LOCKGATE_MASTER_KEY", "LOCKGATE_MASTER_KEY_FILE is set, too.", "Set one of them.")


def _completed(given: dict[str, Any], environ: Mapping[str, str], folder: Path) -> Settings:
    home = (folder / given.get("home", _default_home(environ))).absolute()
    environments = (folder / given.get("environments", "environments.yaml")).absolute()
    database = given.get("database", f"sqlite:///{home / 'lockgate.db'}")
    data = (folder / given.get("data", home)).absolute()
    files = {name: (folder / given[name]).absolute() for name in _FILES if name in given}
    places = {"home": home, "data": data, "environments": environments, "database": database, **files}
    return Settings(**{**given, **places})


def _default_home(environ: Mapping[str, str]) -> Path:
    data = environ.get("XDG_DATA_HOME", "")
    # The XDG base directory specification: relative paths there are to be ignored.
    shared = Path(data) if data.startswith("/") else Path(environ.get("HOME") or "/") / ".local" / "share"
    return shared / "lockgate"


def _misspelt(environ: Mapping[str, str]) -> Iterable[Problem]:
    """Variables of ours that are nearly a setting: a typing error must not leave a default in force unnoticed."""
    known = [PREFIX + name.upper() for name in _READERS]
    for variable in environ:
        if variable.startswith(PREFIX) and variable not in known and variable not in _OTHERS:
            close = difflib.get_close_matches(variable, known, n=1, cutoff=0.88)
            if close:
                yield _problem(variable, "there is no such setting.", f"Did you mean {close[0]}?")


def _at(variable: str, text: str) -> At:
    node = Scalar(text, 0)
    return At(node, WHERE, variable, variable, 0)


def _problem(variable: str, because: str, mend: str) -> Problem:
    return Problem(WHERE, None, variable, because, mend)
