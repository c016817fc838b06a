"""The commands about people and approvals, against a server of canned answers."""

import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from lockgate.cli.approvals import approval_lines, delegation_lines, inbox_lines
from lockgate.cli.authorship import authors_since
from lockgate.cli.people import people_lines
from lockgate.cli.times import instant_of, seconds_of
from lockgate.client.logins import keep, kept_token, logins_file
from lockgate.core.errors import Invalid
from lockgate.messages import Fault
from lockgate.messages.approvals import ApprovalView, DelegationView, GivenView, Inbox, ReviewView
from lockgate.messages.people import CallerView, NewToken, PersonView, TokenView
from tests.cli.conftest import Run
from tests.cli.double import TOKEN, Double, Received

NOW = 1_800_014_400.0
SUBJECT = "sha256:" + "ab" * 32
VIEW = ApprovalView(
    deployment="dep-7",
    application="shop",
    environment="prod",
    release_label="shop 2 (#3)",
    actor="dave",
    reason="",
    subject=SUBJECT,
    answer="wait",
    because="2 people of managers must approve it; 1 did: bob.",
    who="carol",
    sentences=("web: 2 instances of shop 2.", "  all at once."),
    needed=2,
    given=(GivenView("bob", NOW - 60, NOW + 60, "fine"), GivenView("erin", NOW - 90, NOW, "", "alice", "it changed")),
    authors=("ann",),
    built_by="ci",
    may=True,
)
REVIEW = ReviewView("dep-4", "shop", "prod", "dave", "down", NOW - 90000, NOW - 3600, True)


@pytest.fixture(autouse=True)
def own_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))


def words(lines) -> list[str]:  # type: ignore[no-untyped-def]
    return [one.words for one in lines]


def test_what_is_to_be_approved_is_shown_with_the_command_that_approves_just_that() -> None:
    assert words(approval_lines(VIEW, NOW)) == [
        "shop 2 (#3) → prod  dep-7",
        "  approvals 2 people of managers must approve it; 1 did: bob.",
        "  ✔ bob, 60 s ago: fine",
        "  ✘ erin for alice, 90 s ago (void: it changed)",
        "  Asked for by dave; written by ann; built by ci.",
        "",
        "What is to be approved",
        "  web: 2 instances of shop 2.",
        "    all at once.",
        "",
        "  Approve it with: lockgate approve dep-7 --subject abababababab",
    ]


def test_the_inbox_and_what_is_overdue() -> None:
    assert words(inbox_lines(Inbox((), ()), NOW)) == ["Nothing waits for anybody."]
    told = words(inbox_lines(Inbox((VIEW,), (REVIEW,)), NOW))
    assert "yes" in told[1] and "dep-4 broke the glass in prod" in told[3]
    assert "should have looked at it by 2027-01-15 11:00:00: lockgate review dep-4" in told[5]


def test_people_and_delegations_are_listed() -> None:
    person = PersonView("alice", "", NOW, "ann", ("managers",), (TokenView("tok-1", NOW, NOW),))
    assert words(people_lines((person,)))[1].split()[:3] == ["alice", "–", "managers"]
    assert "lockgate person add" in words(people_lines(()))[0]
    assert "Nobody" in words(delegation_lines(()))[0]
    assert "carol" in words(delegation_lines((DelegationView("del-1", "carol", "dave", NOW, NOW),)))[1]


def test_approving_sends_what_was_seen(run: Run, double: Double) -> None:
    double.answers[("GET", "/v1/deployments/dep-7/approval")] = VIEW
    double.answers[("POST", "/v1/deployments/dep-7/approve")] = VIEW
    done = run("approve", "7", "--comment", "fine", "--subject", "ababab", "--for", "alice")
    assert done.code == 0 and done.out.startswith("✔ You approved dep-7.")
    sent = double.last().body
    assert (sent["subject"], sent["comment"], sent["behalf"]) == (SUBJECT, "fine", "alice")


def test_what_is_not_what_was_seen_is_not_approved(run: Run, double: Double) -> None:
    double.answers[("GET", "/v1/deployments/dep-7/approval")] = VIEW
    done = run("approve", "dep-7", "--subject", "cdcdcd")
    assert done.code == 1 and "is not cdcdcd any more" in done.err
    assert all(one.method == "GET" for one in double.received)


def test_rejecting_needs_a_reason(run: Run, double: Double) -> None:
    double.answers[("POST", "/v1/deployments/dep-7/reject")] = VIEW
    assert run("reject", "dep-7").code == 2
    assert run("reject", "dep-7", "--reason", "no").code == 0
    assert double.last().body["reason"] == "no"


def test_a_token_stands_alone_on_its_line(run: Run, double: Double) -> None:
    double.answers[("POST", "/v1/people")] = NewToken("alice", "tok-1", "lg_abc", None)
    done = run("person", "add", "alice", "--email", "a@x.org", "--expires", "90d")
    assert done.out.splitlines()[1] == "lg_abc"
    assert double.last().body == {"name": "alice", "email": "a@x.org", "expires": 90 * 86400.0, "actor": "ann"}


def test_delegating_review_and_the_rest(run: Run, double: Double) -> None:
    double.answers[("POST", "/v1/delegations")] = DelegationView("del-1", "carol", "dave", NOW, NOW, "prod")
    double.answers[("POST", "/v1/delegations/del-1/end")] = {}
    double.answers[("POST", "/v1/deployments/dep-4/review")] = REVIEW
    double.answers[("POST", "/v1/people/alice/remove")] = {}
    double.answers[("POST", "/v1/tokens/tok-1/revoke")] = {}
    assert "del-1" in run("approval", "delegate", "--to", "dave", "--until", "3d", "--env", "prod").out
    assert run("approval", "end", "del-1").code == 0
    assert run("review", "dep-4", "--comment", "right").code == 0
    assert double.last().body["comment"] == "right"
    assert run("person", "remove", "alice").code == run("person", "revoke", "tok-1").code == 0


def test_logging_in_keeps_a_token_for_this_server_and_no_other(
    run: Run, double: Double, monkeypatch: pytest.MonkeyPatch
) -> None:
    def me(request: Received) -> object:
        return CallerView("alice", request.headers["authorization"] != f"Bearer {TOKEN}", ("managers",))

    double.answers[("GET", "/v1/me")] = me
    monkeypatch.setattr(sys, "stdin", io.StringIO(TOKEN + "\n"))
    refused = run("login")
    assert refused.code == 2 and "the server's own token" in refused.err
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n"))
    assert run("login").code == 2
    keep("https://another.example", "lg_other")
    keep(double.url, "lg_mine")
    assert kept_token(double.url) == "lg_mine" and logins_file().stat().st_mode & 0o777 == 0o600
    run("whoami")
    assert double.received[-1].headers["authorization"] == "Bearer lg_mine"
    monkeypatch.setenv("LOCKGATE_TOKEN", "lg_env")
    run("whoami")
    assert double.received[-1].headers["authorization"] == "Bearer lg_env"
    monkeypatch.delenv("LOCKGATE_TOKEN")
    assert "is forgotten" in run("logout").out and "No token was kept" in run("logout").out
    assert json.loads(logins_file().read_text()) == {"https://another.example": "lg_other"}


def test_a_refusal_is_told_as_the_server_says_it(run: Run, double: Double) -> None:
    double.answers[("GET", "/v1/deployments/dep-7/approval")] = VIEW
    fault = Fault("A gate or a permission said no.", 403, "alice is the author.", "denied")
    double.answers[("POST", "/v1/deployments/dep-7/approve")] = fault
    done = run("approve", "dep-7")
    assert done.code == 1 and done.err == "error: alice is the author.\n"


@pytest.mark.parametrize(("text", "seconds"), [("90d", 7776000), ("8h", 28800), ("2w", 1209600), ("5m", 300)])
def test_lengths_of_time(text: str, seconds: float) -> None:
    assert seconds_of(text, "--expires") == seconds and instant_of(text, "--until", NOW) == NOW + seconds


def test_moments_and_what_is_none() -> None:
    assert instant_of("2027-01-15T12:00", "--until", 0.0) == NOW and seconds_of("", "--expires") is None
    for wrong in ("soon", "8", "-1d", "2027-13-01"):
        with pytest.raises(Invalid, match="--until"):
            instant_of(wrong, "--until", NOW)


def test_authors_are_those_of_the_commits_since_the_release_before(tmp_path: Path) -> None:
    def git(*more: str, author: str = "a@x.org") -> str:
        who = ["-c", f"user.name={author[0]}", "-c", f"user.email={author}"]
        done = subprocess.run(["git", "-C", str(tmp_path), *who, *more], capture_output=True, text=True, check=True)
        return done.stdout.strip()

    assert authors_since(tmp_path, "", "") == ()
    git("init", "-q")
    for author in ("a@x.org", "b@x.org", "c@x.org"):
        message = "work\n\nCo-authored-by: D <d@x.org>" if author == "b@x.org" else "work"
        (tmp_path / "file").write_text(author)
        git("add", ".")
        git("commit", "-q", "-m", message, author=author)
    first = git("rev-list", "--max-parents=0", "HEAD")
    assert authors_since(tmp_path, "", "") == ("c@x.org",)
    assert authors_since(tmp_path, first, "HEAD") == ("c@x.org", "b@x.org", "D <d@x.org>")
    assert authors_since(tmp_path, first, "HEAD~1") == ("b@x.org", "D <d@x.org>")
    assert authors_since(tmp_path, "0" * 40, "") == ("c@x.org",)
    assert authors_since(tmp_path, "--output=/tmp/x", "") == ("c@x.org",)
