"""Where pip would look for packages, told to uv.

uv reads neither pip.conf nor ``PIP_*``. On a machine where only those name the index, its mirror, its find-links folder
or its certificates, uv is given the same. Whoever has configured uv itself is left alone. Sources: pip's
"Configuration" page (files, precedence, multiple values) and uv's "Environment variables" page.
"""

import configparser
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_SECTIONS = ("global", "install", "download")
_OWN = ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_NO_INDEX", "UV_CONFIG_FILE")
_TRUE = frozenset({"1", "true", "yes", "on", "y", "t"})


@dataclass(frozen=True, slots=True)
class UvSettings:
    """What makes uv look where pip would."""

    environment: Mapping[str, str] = field(default_factory=dict)
    words: tuple[str, ...] = ()


def uv_settings(environ: Mapping[str, str], home: Path | None = None) -> UvSettings:
    """Nothing when uv is configured itself or pip is not. ``home`` is the user's home folder. Files that cannot be
    read count as absent: pip would refuse them with its own words."""
    whose = home or Path.home()
    if any(environ.get(name) for name in _OWN) or _uv_files(environ, whose):
        return UvSettings()
    pip = pip_settings(environ, whose)
    links = [link for link in pip.get("find-links", "").split() if "://" in link or Path(link).is_dir()]
    found = {
        "UV_DEFAULT_INDEX": pip.get("index-url", ""),
        "UV_INDEX": " ".join(pip.get("extra-index-url", "").split()),
        # What pip does with several indexes, and what its users rely on.
        "UV_INDEX_STRATEGY": "unsafe-best-match" if pip.get("extra-index-url") else "",
        "UV_FIND_LINKS": ",".join(links),
        "UV_INSECURE_HOST": " ".join(pip.get("trusted-host", "").split()),
        "SSL_CERT_FILE": pip.get("cert", ""),
    }
    alone = pip.get("no-index", "").lower() in _TRUE
    kept = {name: value for name, value in found.items() if value and not environ.get(name)}
    return UvSettings(kept, ("--no-index",) if alone else ())


def pip_settings(environ: Mapping[str, str], home: Path | None = None) -> dict[str, str]:
    """pip's long options by name, from its files and then from ``PIP_*``."""
    found: dict[str, str] = {}
    for path in _files(environ, home or Path.home()):
        found |= _read(path)
    for name, value in environ.items():
        if name.startswith("PIP_") and value:
            found[name.removeprefix("PIP_").lower().replace("_", "-")] = value
    return found


def _files(environ: Mapping[str, str], home: Path) -> list[Path]:
    """Later ones win. ``PIP_CONFIG_FILE=/dev/null`` turns all of them off."""
    chosen = environ.get("PIP_CONFIG_FILE", "")
    if chosen == os.devnull:
        return []
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = [Path(one) / "pip" / "pip.conf" for one in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if one]
    own = [home / ".pip" / "pip.conf", config / "pip" / "pip.conf", Path(sys.prefix) / "pip.conf"]
    return [*shared, Path("/etc/pip.conf"), *own, *([Path(chosen)] if chosen else [])]


def _read(path: Path) -> dict[str, str]:
    parser = configparser.RawConfigParser()
    try:
        parser.read(path, encoding="utf-8")
    except (OSError, configparser.Error, UnicodeDecodeError):
        return {}
    found: dict[str, str] = {}
    for section in _SECTIONS:
        if parser.has_section(section):
            found |= {key.replace("_", "-"): value.strip() for key, value in parser.items(section)}
    return found


def _uv_files(environ: Mapping[str, str], home: Path) -> bool:
    config = Path(environ.get("XDG_CONFIG_HOME") or home / ".config")
    shared = [Path(one) for one in environ.get("XDG_CONFIG_DIRS", "/etc/xdg").split(":") if one]
    return any((place / "uv" / "uv.toml").is_file() for place in [config, *shared, Path("/etc")])
