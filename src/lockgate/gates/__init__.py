"""Gates: questions before a deployment. Pure: each is one function ``evaluate(facts, now) -> Verdict``.

A gate gets small facts, never a port, and answers with a sentence somebody can act on. Gates do not know each other;
``lockgate.core.gate.weigh`` says which answer decides. The engine gathers the facts and asks them all, on every path:
push, Git, command line, rollback.

* ``integrity``: are release and plan what was recorded and signed?
* ``quarantine``: is the release barred from this environment?
* ``promotion_order``: has it succeeded in the environment before?
* ``window``: is the environment open, and not frozen?
* ``schedule``: has the time come that it was asked for?
"""
