"""The program ``lockgate``: which commands there are, and what its exit codes mean.

Commands are named by path and imported when they are called, so that ``lockgate --version`` answers at once. Errors
end here: a sentence on standard error, or a JSON fault with ``--json``.
"""

import os
import sys
from collections.abc import Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Literal

from lockgate.core.errors import Invalid, LockgateError, Problem, Unavailable

if TYPE_CHECKING:
    from cyclopts import App, CycloptsError

    from lockgate.messages import Fault


class Exit(IntEnum):
    """Documented in docs/reference/cli.md."""

    DONE = 0
    REFUSED = 1
    """Refused, or it failed."""
    BAD_INPUT = 2
    NO_SERVER = 3
    INTERRUPTED = 130


Shell = Literal["bash", "zsh", "fish"]

COMMANDS: dict[str, dict[str, tuple[str, str]]] = {
    "Begin": {
        "init": ("project:init", "Write lockgate.yaml and environments.yaml for a project."),
        "check": ("project:check", "Check both files, with line numbers."),
        "serve": ("serving:serve", "Run the server on this machine."),
        "down": ("serving:down", "End everything that the server has left running."),
        "doctor": ("serving:doctor", "What of this machine is usable."),
        "open": ("serving:console_address", "A link that opens the console, once."),
        "login": ("people:login", "Sign in as yourself."),
        "logout": ("people:logout", "Forget your token."),
        "whoami": ("people:whoami", "Whom the server takes you for."),
        "person": ("people:person", "Who may sign in as themselves."),
    },
    "Deploy": {
        "release": ("evidence:release", "Make and look at releases."),
        "deploy": ("deployments:deploy", "Deploy a release to an environment."),
        "plan": ("deployments:plan", "What a deployment would do, and what its canary could find out."),
        "redeploy": ("redeployments:redeploy", "Deploy exactly a recorded plan once more."),
        "promote": ("deployments:promote", "Deploy what runs in the environment before."),
        "rollback": ("deployments:rollback", "Go back to the last good release."),
        "pause": ("deployments:pause", "Stop a deployment between two steps."),
        "resume": ("deployments:resume", "Let a paused deployment go on."),
        "continue": ("deployments:go_on", "Let a canary go on with its next stage."),
        "finish": ("deployments:finish", "Give a canary all the traffic."),
        "abort": ("deployments:abort", "End a deployment and go back to what ran before."),
        "artifact": ("artifacts:artifact", "Look at artifacts before they are in a release."),
        "template": ("templates:template", "Components, checks and tasks to use again."),
        "quarantine": ("releases:quarantine", "Releases barred from an environment."),
        "secret": ("secrets:secret", "Keep secrets for environments."),
        "policy": ("policies:policy", "Rules that judge what is deployed: look at them, test them, try them."),
        "train": ("trains:train", "Release several applications together."),
        "waiver": ("evidence:waiver", "Findings that somebody takes on for a while."),
    },
    "Agree": {
        "approvals": ("approvals:approvals", "What waits for people, and what exactly is to be approved."),
        "approve": ("approvals:approve", "Consent to what a deployment would do."),
        "reject": ("approvals:reject", "End a deployment that waits for approvals."),
        "approval": ("approvals:approval", "Who approves in whose place."),
        "task": ("tasks:task", "What people do in trains: look at it, tick it off, finish it."),
        "review": ("approvals:review", "Look at a deployment that broke the glass."),
    },
    "Look": {
        "status": ("status:status", "What runs where."),
        "watch": ("watching:watch", "Follow a deployment until it ends."),
        "explain": ("status:explain", "Why a deployment is where it is, and who can act."),
        "analysis": ("analyses:analysis", "What users got from a canary, judged once more."),
        "calendar": ("calendar:calendar", "When environments are open, and what is planned."),
        "feed": ("calendar:feed", "Links that a calendar program subscribes to."),
        "env": ("environments:env", "Look at environments and compare them."),
        "history": ("status:history", "Deployments, newest first."),
        "inventory": ("inventory:inventory", "What runs in an environment, or ran there at a moment."),
        "where": ("inventory:where", "Where something runs: a package, an artifact, a digest, a release."),
        "findings": ("evidence:findings", "What scans have found in a release."),
        "logs": ("logs:logs", "What instances print."),
        "notifications": ("notifications:notifications", "Who was told what, and what did not arrive."),
        "audit": ("audits:audit", "Who did what, when and why; prove it."),
        "key": ("keys:key", "The keys that sign the record."),
    },
}
"""Group -> command -> (where it lives under lockgate.cli, what it does)."""


def application() -> "App":
    """The command line as cyclopts knows it."""
    from cyclopts import App, Group

    app = App(
        name="lockgate",
        version=version,
        help="Continuous deployment you can pip install.",
        help_epilogue="Exit codes: 0 done, 1 refused or failed, 2 bad input, 3 no server answers.",
        help_format="plaintext",
        result_action="return_value",
        print_error=False,
        exit_on_error=False,
        suppress_keyboard_interrupt=False,
    )
    for order, (title, commands) in enumerate(COMMANDS.items()):
        group = Group(title, sort_key=order)
        for name, (place, words) in commands.items():
            app.command(f"lockgate.cli.{place}", name=name, help=words, group=group)
    app.register_install_completion_command(help="Set up completion for the shell in use.")
    app.command(completion)
    return app


def completion(shell: Shell, /) -> None:
    """Print the completion script for a shell.

    Parameters
    ----------
    shell
        Which one.
    """
    print(application().generate_completion(shell=shell))


def version() -> str:
    from importlib.metadata import version as installed

    return installed("lockgate")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command line. Returns its exit code; never raises for what a user can cause."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words == ["--version"]:
        print(version())
        return Exit.DONE
    try:
        return _run(words)
    except LockgateError as error:
        _report(error, as_json="--json" in words)
        return _exit_code(error)
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:
        # The reader has gone, as with `| head`: nothing more can be printed, not even what is flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.REFUSED


def _run(words: list[str]) -> int:
    from cyclopts import CycloptsError

    try:
        return int(application()(words) or Exit.DONE)
    except CycloptsError as error:
        problem = Problem("command line", None, "", _sentence(error), f"See: lockgate {_subject(words)}--help")
        raise Invalid([problem]) from error


def _sentence(error: "CycloptsError") -> str:
    """cyclopts' own words, but for lists that it prints as Python or cuts short."""
    from cyclopts import UnknownCommandError, UnusedCliTokensError

    if isinstance(error, UnusedCliTokensError):
        return f"There is no place for {' '.join(error.unused_tokens or ())!r}."
    text = str(error)
    if isinstance(error, UnknownCommandError):
        text = text.partition(" Available commands:")[0]
    return text if text.endswith(("?", ".")) else f"{text}."


def _subject(words: list[str]) -> str:
    """The command that was meant, for pointing at its help."""
    known = {name for commands in COMMANDS.values() for name in commands}
    return f"{words[0]} " if words and words[0] in known else ""


def _exit_code(error: LockgateError) -> Exit:
    if isinstance(error, Unavailable):
        return Exit.NO_SERVER
    return Exit.BAD_INPUT if error.code == Invalid.code else Exit.REFUSED


def _report(error: LockgateError, as_json: bool) -> None:
    if as_json:
        import msgspec

        print(msgspec.json.format(msgspec.json.encode(fault_of(error)), indent=2).decode(), file=sys.stderr)
        return
    problems: tuple[Problem, ...] = getattr(error, "problems", ())
    if len(problems) > 1:
        print(f"error: there are {len(problems)} problems; nothing was changed.", file=sys.stderr)
        for problem in problems:
            print(f"  {problem.sentence()}", file=sys.stderr)
        return
    print(f"error: {problems[0].sentence() if problems else error}", file=sys.stderr)


def fault_of(error: LockgateError) -> "Fault":
    """What the server said, or the same form for what was found on this side."""
    from lockgate.client import Refusal
    from lockgate.core.ids import plain
    from lockgate.messages import Fault

    if isinstance(error, Refusal):
        return error.fault
    problems = tuple(plain(problem) for problem in getattr(error, "problems", ()))
    status = 503 if isinstance(error, Unavailable) else 422
    return Fault(type(error).__name__, status, str(error), error.code, problems)
