"""People: add and remove them, their tokens; log in and out; who am I."""

import getpass
import sys
from typing import Annotated

from cyclopts import App as Commands
from cyclopts import Parameter

from lockgate.cli.output import FAINT, GOOD, STRONG, Json, Line, Row, day, indented, line, show, table
from lockgate.cli.surroundings import Reason, actor
from lockgate.cli.times import seconds_of
from lockgate.client import Client, address_from_environment
from lockgate.client.logins import forget, keep
from lockgate.core.errors import Invalid, Problem
from lockgate.messages.people import AddPerson, CallerView, Leave, MakeToken, NewToken, PersonView

person = Commands(name="person", help="Who may sign in as themselves.", help_format="plaintext")

Expires = Annotated[str, Parameter(name="--expires", help="How long the token holds, such as 90d.")]
Url = Annotated[str, Parameter(name="--url", help="The server; default: that of LOCKGATE_URL or the data folder.")]


@person.command
def add(name: str, /, *, email: str = "", expires: Expires = "", json: Json = False) -> None:
    """Add a person, and print a token for them. It is told this once.

    Parameters
    ----------
    name
        Lower-case letters, digits and . _ - inside.
    email
        So that they are known as the author of their commits.
    """
    made = Client().add_person(AddPerson(name, email, seconds_of(expires, "--expires"), actor()))
    show(made, json, lambda: token_lines(made, f"{made.person} is known now."))


@person.command(name="list")
def list_people(*, json: Json = False) -> None:
    """Who is known, with groups and tokens."""
    found = Client().people()
    show(found, json, lambda: people_lines(found))


def people_lines(found: tuple[PersonView, ...]) -> list[Line]:
    if not found:
        return [line("Nobody is known yet. Add somebody with: lockgate person add NAME")]
    rows: list[Row] = [
        [line((p.name, STRONG)), p.email or "–", ", ".join(p.groups) or "–", day(p.added_at), _tokens(p)] for p in found
    ]
    return table(("NAME", "E-MAIL", "GROUPS", "ADDED", "TOKENS"), rows)


def _tokens(view: PersonView) -> str:
    return ", ".join(t.id + (f" until {day(t.until)}" if t.until else "") for t in view.tokens) or "none"


@person.command
def token(name: str, /, *, expires: Expires = "", json: Json = False) -> None:
    """Print another token for a person, told this once.

    Parameters
    ----------
    name
        The person.
    """
    made = Client().make_token(name, MakeToken(seconds_of(expires, "--expires"), actor()))
    show(made, json, lambda: token_lines(made, f"A token for {made.person}."))


def token_lines(made: NewToken, title: str) -> list[Line]:
    """The token stands alone on its line, so that it can be taken from there."""
    until = f"It holds until {day(made.until)}." if made.until else "It holds until it is revoked."
    said = f"{until} It is not shown again: lockgate login asks for it, and LOCKGATE_TOKEN may hold it."
    return [line(("✔ ", GOOD), (title, STRONG), (f" {made.id}", FAINT)), line(made.token), *indented([said])]


@person.command
def revoke(token: str, /, *, reason: Reason = "", json: Json = False) -> None:
    """A token opens nothing any more, nor does a session that was opened with it.

    Parameters
    ----------
    token
        Its id, tok-…, as lockgate person list tells it.
    """
    Client().revoke_token(token, Leave(reason, actor()))
    show({"revoked": token}, json, lambda: [line(("✔ ", GOOD), f"{token} opens nothing any more.")])


@person.command
def remove(name: str, /, *, reason: Reason = "", json: Json = False) -> None:
    """Remove a person with all tokens. Approvals that they gave do not count any more.

    Parameters
    ----------
    name
        The person.
    """
    Client().remove_person(name, Leave(reason, actor()))
    show({"removed": name}, json, lambda: [line(("✔ ", GOOD), f"{name} is not known any more.")])


def login(*, url: Url = "", json: Json = False) -> None:
    """Sign in as yourself: keep your token for this server. It is asked for, or read from a pipe."""
    server = url or address_from_environment().url
    given = getpass.getpass("Your token: ") if sys.stdin.isatty() else sys.stdin.readline()
    if not given.strip():
        raise Invalid([Problem("standard input", None, "", "there is no token in it.", "Get one: lockgate person add")])
    me = Client.at(server, given.strip()).me()
    if not me.personal:
        because = "it is the server's own token, which is nobody's in particular."
        raise Invalid([Problem("standard input", None, "", because, "Get your own: lockgate person add NAME")])
    where = keep(server, given.strip())
    show(me, json, lambda: [line(("✔ ", GOOD), f"You are {me.name} at {server}.", (f" Kept in {where}.", FAINT))])


def logout(*, url: Url = "", json: Json = False) -> None:
    """Forget your token for this server. It is not revoked."""
    server = url or address_from_environment().url
    there = forget(server)
    words = f"Your token for {server} is forgotten." if there else f"No token was kept for {server}."
    show({"forgotten": there}, json, lambda: [line(words)])


def whoami(*, json: Json = False) -> None:
    """Whom the server takes you for."""
    me = Client().me()
    show(me, json, lambda: [caller_line(me)])


def caller_line(me: CallerView) -> Line:
    if not me.personal:
        return line("Nobody in particular: the server's own token is used. Sign in as yourself with: lockgate login")
    groups = f", of {', '.join(me.groups)}" if me.groups else ""
    return line((me.name, STRONG), groups)
