"""Governed releases: a rule that refuses, a second person who agrees, a freeze that holds, and the record of it all."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from demonstration import applications
from demonstration.outcome import Governed
from demonstration.stage import Stage
from lockgate.core.deployment import State
from lockgate.core.gate import Answer
from lockgate.gates import policy, window
from lockgate.messages import DeploymentView

RECORD, KEYS, EDITED = "audit.jsonl", "keys.json", "edited.jsonl"


@dataclass
class Governance:
    """The chapter. alice asks for what others have made; bob is the second person."""

    stage: Stage
    raised: Callable[[], None]
    """Makes a release of front, and waits until staging has it."""
    held: set[str] = field(default_factory=set)
    """Deployments that a freeze was seen to hold."""

    def play(self) -> None:
        self.rules()
        self.a_second_person()
        self.a_freeze()
        self.proof()

    # --- scenes ---

    def rules(self) -> None:
        stage = self.stage
        stage.teller.say(
            "prod is to change only with a reason that names a ticket, and when a second person agrees. Its users have",
            "gone to bed, so a canary would find nothing out: front comes rolling again.",
        )
        stage.write("policies/ticket.yaml", applications.TICKET)
        stage.edit("environments.yaml", applications.OWNED, applications.OWNED + applications.GROUPS)
        stage.edit("environments.yaml", applications.CANARY, applications.GOVERNED)
        stage.lockgate(".", "check", "environments.yaml")
        stage.lockgate(".", "policy", "test")
        for name in ("alice", "bob"):
            stage.add_person(name)

    def a_second_person(self) -> None:
        stage = self.stage
        stage.teller.say("")
        stage.teller.say("The page is changed, and alice, who may approve for others, asks for it.")
        stage.edit("front/index.html", "Lockgate deploys them both.", "Lockgate deploys and guards them.")
        self.raised()
        stage.lockgate("front", "promote", "--to", "prod", by="alice", expect=1)
        asked = self.asked_for("FRONT-7: what Lockgate does")
        stage.lockgate("front", "approve", asked.id, by="alice", expect=1)
        stage.lockgate("front", "approvals", by="bob")
        stage.lockgate("front", "approve", asked.id, "--comment", "reads well", by="bob")
        stage.lockgate("front", "watch", asked.id)

    def a_freeze(self) -> None:
        stage = self.stage
        stage.teller.say("")
        stage.teller.say("The warehouse is moved, and nothing else may change. alice sees what her request waits for.")
        freeze = applications.freeze(datetime.now(UTC) - timedelta(days=1), datetime.now(UTC) + timedelta(days=9))
        stage.edit("environments.yaml", applications.GOVERNED, applications.GOVERNED + freeze)
        stage.edit("front/index.html", "deploys and guards them.", "deploys them, and guards the way.")
        self.raised()
        asked = self.asked_for("FRONT-8: the way, too")
        stage.lockgate("front", "explain", asked.id)
        if self.frozen(asked.id):
            self.held.add(asked.id)
        stage.teller.say("")
        stage.teller.say(
            "bob consents all the same: he is asked what goes where, and the calendar says when. The move is over",
            "sooner, the lines are taken out again, and the deployment goes in by itself.",
        )
        stage.lockgate("front", "approve", asked.id, by="bob")
        stage.edit("environments.yaml", applications.GOVERNED + freeze, applications.GOVERNED)
        stage.until("The end of the freeze", lambda: not self.frozen(asked.id))
        stage.lockgate("front", "watch", asked.id)

    def proof(self) -> None:
        stage = self.stage
        stage.teller.say("")
        stage.teller.say("Who did all that is on record. An auditor needs the file and the keys, and nobody's word.")
        stage.lockgate(".", "audit", "--environment", "prod", "--since", "1h", "--limit", "12")
        stage.lockgate(".", "key", "export", KEYS)
        stage.lockgate(".", "audit", "export", RECORD)
        stage.lockgate(".", "audit", "verify", RECORD, "--keys", KEYS)
        shutil.copy(stage.folder / RECORD, stage.folder / EDITED)
        stage.edit(EDITED, "FRONT-7: what Lockgate does", "FRONT-7: nothing at all")
        stage.lockgate(".", "audit", "verify", EDITED, "--keys", KEYS, expect=1)

    # --- looking ---

    def asked_for(self, reason: str) -> DeploymentView:
        """What alice asks for, once its gates have been asked."""
        self.stage.lockgate("front", "promote", "--to", "prod", "--reason", reason, "--no-watch", by="alice")
        found = self.stage.newest("front", "prod")
        assert found is not None
        self.stage.until("A gate", lambda: self.stage.client.deployment(found.id).state == State.GATED)
        return found

    def frozen(self, deployment: str) -> bool:
        """The calendar keeps it out, and says until when."""
        told = self.stage.client.explain(deployment)
        return told.deployment.state == State.GATED and any(
            verdict.gate == window.GATE and verdict.answer == Answer.WAIT and verdict.until is not None
            for verdict in told.verdicts
        )

    def outcome(self) -> Governed:
        """Counted from what the server and the commands answer."""
        client = self.stage.client
        given = client.audit(kind="approval.given").entries
        denied = client.audit(kind="deployment.denied").entries
        whole, edited = (
            self.stage.answered(".", "audit", "verify", name, "--keys", KEYS)["whole"] for name in (RECORD, EDITED)
        )
        return Governed(
            approvals=sum(entry.actor != client.deployment(entry.deployment).actor for entry in given),
            held_by_window=sum(client.deployment(held).state == State.SUCCEEDED for held in self.held),
            denied_by_policy=sum(entry.data.get("gate") == policy.GATE for entry in denied),
            audit_verified=whole and not edited,
        )
