"""What a command can tell from where it is called: the application of this folder, the user, the deployment meant."""

import getpass
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from lockgate.client import Client
from lockgate.core.errors import Invalid, Problem
from lockgate.messages import DeploymentView

if TYPE_CHECKING:
    from lockgate.config.library import Library

DEFINITION = Path("lockgate.yaml")
ENVIRONMENTS = Path("environments.yaml")

App = Annotated[str, Parameter(name="--app", help="The application; default: that of lockgate.yaml in this folder.")]
Reason = Annotated[str, Parameter(name="--reason", help="Why; kept in the audit log.")]

_NAME = re.compile(r"""^application:\s*["']?([^\s"'#]+)""", re.MULTILINE)


def application_here(folder: Path = Path()) -> str:
    """The name in this folder's lockgate.yaml; empty if there is none. One line is looked for, not a whole file read:
    a command must not wait for a YAML parser, and a faulty file must not hinder looking at what runs."""
    try:
        return application_in((folder / DEFINITION).read_text(errors="replace"))
    except OSError:
        return ""


def application_in(definition: str) -> str:
    """The name in a lockgate.yaml's text; empty if it has none."""
    found = _NAME.search(definition)
    return found.group(1) if found else ""


def application_meant(app: str) -> str:
    """The one named, else this folder's. Raises :class:`Invalid` when there is neither."""
    name = app or application_here()
    if name:
        return name
    because = f"there is no {DEFINITION} in this folder to take the application's name from."
    raise Invalid([Problem("command line", None, "--app", because, "Name the application with --app.")])


def templates_near(*files: Path) -> "Library":
    """Those beside the environments' file that the server would read here, and beside each of the files."""
    from lockgate.config.library import library

    environments = Path(os.environ.get("LOCKGATE_ENVIRONMENTS") or ENVIRONMENTS)
    folders = [("the environments' owners", environments.parent)]
    return library(*folders, *(("the application's team", file.parent) for file in files))


def actor() -> str:
    """Who asks, for the audit log: ``LOCKGATE_ACTOR``, else the user's name on this machine."""
    try:
        return os.environ.get("LOCKGATE_ACTOR") or getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"  # a container's user without a name


def deployment_meant(client: Client, name: str, app: str) -> str:
    """``dep-7``, also written ``7``; without a name the newest of the application meant, or of all."""
    if name:
        return f"dep-{name}" if name.isdigit() else name
    return client.newest(app or application_here()).id


def unfinished_meant(client: Client, name: str, app: str) -> str:
    """Like :func:`deployment_meant`, but without a name one that has not ended, if there is one."""
    if name:
        return deployment_meant(client, name, app)
    found = client.deployments(app or application_here(), limit=20)
    return next((view.id for view in found if not view.final), "") or client.newest(app or application_here()).id


def brief(view: DeploymentView) -> str:
    """``catalogue 0.65.2 (#3) → staging``"""
    return f"{view.release_label} → {view.environment}"
