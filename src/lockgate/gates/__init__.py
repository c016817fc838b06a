"""Gates: questions before a deployment. Pure: each is one function ``evaluate(facts, now) -> Verdict``.

They get small facts, never a port, and do not know each other. The engine asks them all, on every path.
* ``integrity``: are release and plan what was recorded and signed?
* ``quarantine``: is the release barred from this environment?
* ``promotion_order``: has it succeeded in the environment before?
* ``policy``: do the rules hold that the environment puts to everything deployed to it?
* ``provenance``: have known keys signed where it comes from?
* ``vulnerabilities``: has a recent scan found nothing too bad?
* ``soak``: has it held another environment for long enough?
* ``window``: is the environment open, and not frozen?
* ``schedule``: has the time come that it was asked for?
"""
