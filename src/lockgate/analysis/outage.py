"""Outage: does nearly everything fail while the canary is still warming up?

What happens while instances warm up is not compared: caches are cold, and every good release would be taken back. But
nobody's warm-up fails most requests. One-sample e-process against ``p1 <= 1/2``, at an alpha of its own::

    log e = k log(2 q) + (n - k) log(2 (1 - q)),    q = 0.9

of ``n`` requests of which ``k`` failed; by Ville's inequality a canary that fails at most half of them is ever taken
for out of order with a chance of at most :data:`ALPHA`. Nothing is said while what ran before fails much, too.
"""

import math

from lockgate.core.window import Ratio

ALPHA = 0.001
LOOKED_FOR = 0.9
SHARED = 0.25
"""Share of the baseline's requests that fail, above which it is not the canary's fault."""


def is_out(canary: Ratio, baseline: Ratio) -> bool:
    """Of all that both sides got while the canary warmed up."""
    if baseline.whole and baseline.bad > SHARED * baseline.whole:
        return False
    good = canary.whole - canary.bad
    return canary.bad * math.log(2 * LOOKED_FOR) + good * math.log(2 * (1 - LOOKED_FOR)) >= -math.log(ALPHA)


def sentence(canary: Ratio) -> str:
    return f"{canary.bad:,} of the first {canary.whole:,} requests to it failed: that is more than warming up."
