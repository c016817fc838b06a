"""Artifacts before they are in a release."""

from pathlib import Path
from typing import Annotated

from cyclopts import App, Parameter

from lockgate.cli.output import FAINT, Json, Line, headline, line, show, table
from lockgate.cli.serving import Home, settings_of
from lockgate.messages import ArtifactDetails

artifact = App(name="artifact", help="Look at artifacts before they are in a release.", help_format="plaintext")


@artifact.command(name="show")
def show_one(
    reference: Annotated[str, Parameter(help="As in lockgate.yaml, such as oci:registry/name:tag.")],
    /,
    *,
    home: Home = None,
    json: Json = False,
) -> None:
    """What a reference means now: its digest, and of an image its platforms and what is attached to it.

    Looks from here, with the logins of whoever calls it; needs no server.
    """
    from lockgate.wiring.sources import show_artifact

    found = show_artifact(settings_of({"home": home}), reference, Path.cwd())
    show(found, json, lambda: artifact_lines(found))


def artifact_lines(found: ArtifactDetails) -> list[Line]:
    """For people."""
    rows: list[list[Line | str]] = [["digest", found.digest]]
    if found.platforms:
        rows.append(["platforms", ", ".join(found.platforms)])
    lines = [headline(f"{found.kind}:{found.name} {found.version}"), *table((), rows, indent=2)]
    if found.attachments:
        lines.append(line("  attached ", ("(not checked)", FAINT)))
        lines += table((), [[one.kind, one.digest] for one in found.attachments], indent=4)
    return lines
