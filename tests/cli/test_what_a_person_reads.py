"""Golden output: every page as plain lines and as a terminal of 100 columns shows it.

LOCKGATE_GOLDEN=write writes them anew; read the difference before you commit it.
"""

import io
import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from lockgate.cli.audits import audit_lines, chain_lines, verification_lines
from lockgate.cli.charting import evidence_lines
from lockgate.cli.deployments import preview_lines, told
from lockgate.cli.keys import key_lines
from lockgate.cli.logs import log_lines
from lockgate.cli.notifications import channel_lines, dead_lines, delivery_lines, tried
from lockgate.cli.output import Line, draw
from lockgate.cli.project import init_lines
from lockgate.cli.releases import quarantine_lines, release_lines, release_page
from lockgate.cli.serving import doctor_lines
from lockgate.cli.status import explanation_lines, history_lines, status_lines
from lockgate.cli.timeline import event_lines, moment, verdict
from lockgate.cli.watching import AWAY, Sight, afterwards, heading, picture
from lockgate.config.project import detect
from tests.charts import samples
from tests.cli import canned
from tests.cli.canned import NOW

ROLLED, PROMOTED = samples.bad(), samples.good()

GOLDEN = Path(__file__).parent / "golden"
WIDTH = 100

ABORTED = replace(canned.ROLLED_BACK, state="aborted", failure="Somebody aborted it.")
FAILED = replace(canned.ROLLED_BACK, state="failed")
SUPERSEDED = replace(canned.ROLLED_BACK, state="superseded", failure="", because="A newer deployment took its place.")
BACK = replace(canned.SUCCEEDED, kind="rollback", release_label=canned.GOOD_LABEL)


def pages(width: int | None) -> dict[str, Iterable[Line]]:
    looking = Sight(canned.RUNNING, canned.STAGING)
    return {
        "status": status_lines(canned.STATUS, width),
        "status-cells": status_lines(replace(canned.STATUS, rows=(canned.WORLD,), problems=()), width),
        "status-nothing": status_lines(replace(canned.STATUS, rows=(), problems=()), width),
        "explain": explanation_lines(canned.EXPLANATION, NOW),
        "explain-canary": explanation_lines(
            canned.EXPLANATION, NOW, evidence_lines(ROLLED, width or 80, unicode=width is not None)
        ),
        "history": history_lines((canned.GATED, canned.RUNNING, canned.ROLLED_BACK), NOW),
        "history-nothing": history_lines((), NOW),
        "releases": release_lines((canned.BAD_RELEASE, canned.RELEASE), NOW),
        "release": release_page(canned.BAD_RELEASE),
        "quarantines": quarantine_lines(canned.QUARANTINES),
        "preview": preview_lines(canned.PREVIEW, canned.NOW),
        "watch-timeline": [
            heading(canned.RUNNING),
            *event_lines(canned.EVENTS),
            moment(NOW, canned.RUNNING.created_at, "server away", AWAY),
        ],
        "watch-picture": picture(looking, NOW),
        "watch-picture-cells": picture(Sight(canned.RUNNING, canned.WORLD), NOW),
        "watch-picture-canary": picture(
            replace(looking, analysis=PROMOTED), NOW, width or 80, 40, unicode=width is not None
        ),
        "watch-picture-away": picture(replace(looking, away=True), NOW),
        "verdicts": [
            one
            for view in (canned.SUCCEEDED, BACK, canned.ROLLED_BACK, FAILED, ABORTED, SUPERSEDED)
            for one in verdict(view)
        ],
        "told": told(canned.SUCCEEDED),
        "doctor": doctor_lines(canned.MACHINE),
        "channels": channel_lines(canned.CHANNELS),
        "channels-nothing": channel_lines(()),
        "notifications": delivery_lines((canned.WAITING, canned.DELIVERED, canned.DEAD), NOW),
        "notifications-dead": [*dead_lines((canned.DEAD,), NOW), *dead_lines((), NOW)],
        "notifications-tried": [tried(one) for one in (canned.DELIVERED, canned.WAITING, canned.DEAD)],
        "logs": log_lines(canned.LOGS),
        "audit": [*audit_lines(canned.EVENTS), *chain_lines(canned.AUDIT), *chain_lines(canned.BROKEN_AUDIT)],
        "keys": [*key_lines(canned.KEYS), *verification_lines(canned.VERIFIED), *verification_lines(canned.EDITED)],
    }


def as_terminal(lines: Iterable[Line]) -> str:
    file = io.StringIO()
    screen = Console(width=WIDTH, force_terminal=True, color_system="standard", highlight=False, file=file)
    for one in lines:
        draw(one, screen)
    return file.getvalue()


@pytest.mark.parametrize("name", sorted(pages(None)))
def test_plain_lines_are_as_they_were(name: str) -> None:
    text = "\n".join(one.words for one in pages(None)[name]) + "\n"
    compare(GOLDEN / f"{name}.txt", text)


@pytest.mark.parametrize("name", sorted(pages(WIDTH)))
def test_a_terminal_shows_what_it_did(name: str) -> None:
    compare(GOLDEN / f"{name}.ansi", as_terminal(pages(WIDTH)[name]))


def test_a_terminal_line_is_never_wider_than_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for width in (60, 80, 100):
        file = io.StringIO()
        screen = Console(width=width, color_system=None, file=file)
        for name in ("explain", "watch-timeline", "watch-picture", "verdicts", "preview"):
            for one in pages(width)[name]:
                draw(one, screen)
        assert [text for text in file.getvalue().splitlines() if len(text) > width] == []


def test_the_end_of_a_log_is_told_once_and_indented() -> None:
    log = "web did not start: it ended with exit code 1. Its last lines:\nError: no such file\n\n  at main.py:7"
    event = canned.event(47, 0.0, "deployment.rolled_back", log)
    assert [one.words for one in event_lines([event])] == [
        "  14:13:20    +0.0 s  rolled back    web did not start: it ended with exit code 1. Its last lines: …"
    ]
    assert [one.words for one in verdict(replace(canned.ROLLED_BACK, failure=log))][1:] == [
        "  web did not start: it ended with exit code 1. Its last lines:",
        "  Error: no such file",
        "",
        "    at main.py:7",
    ]
    assert "\n" not in "".join(one.words for one in history_lines([replace(canned.ROLLED_BACK, failure=log)], NOW))


def test_a_matrix_that_does_not_fit_becomes_a_list() -> None:
    assert "APPLICATION" not in status_lines(canned.STATUS, 100)[0].words
    assert "APPLICATION" in status_lines(canned.STATUS, 60)[0].words


def test_what_was_not_seen_for_long_is_unknown_and_not_green() -> None:
    page = "\n".join(one.words for one in status_lines(canned.STATUS, WIDTH))
    assert "unknown · 95 s ago" in page
    assert "0/2" not in page


def test_what_comes_after_names_the_next_environment() -> None:
    dev = replace(canned.SUCCEEDED, environment="dev")
    assert afterwards(dev, [canned.DEV], canned.ENVIRONMENTS) == [
        "It answers at http://127.0.0.1:8081/",
        "staging takes it next, by itself.",
    ]
    assert afterwards(canned.SUCCEEDED, [], canned.ENVIRONMENTS) == ["Next: lockgate promote --to prod"]
    assert afterwards(BACK, [], canned.ENVIRONMENTS) == []


def test_init_says_what_to_do_next(tmp_path: Path) -> None:
    words = [one.words for one in init_lines(tmp_path, detect(tmp_path))]
    assert f"  cd {tmp_path}" in words
    assert any(one.startswith("  lockgate release create") for one in words)


def compare(file: Path, text: str) -> None:
    if os.environ.get("LOCKGATE_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8"), f"{file.name} differs; LOCKGATE_GOLDEN=write accepts it"
