"""Gates: questions before a deployment. Pure: each is one function ``evaluate(facts, now) -> Verdict``.

A gate gets small facts, never a port, and answers with a sentence somebody can act on; they do not know each other.
``lockgate.core.gate.weigh`` says which answer decides. The engine asks them all, on every path.

``integrity``: is it what was recorded and signed? ``quarantine``: is it barred from here? ``promotion_order``: has it
succeeded in the environment before? ``soak``: for long enough? ``provenance``: have known keys signed where it comes
from? ``vulnerabilities``: has a recent scan found nothing too bad? ``policy``: do the environment's rules hold?
``approval``: have enough of the right people consented to exactly this? ``review``: has a second person looked at the
emergencies before? ``window``: is the environment open? ``schedule``: has the time come that it was asked for?
"""
