"""What the command line works out by itself: signatures and rules."""

from lockgate.core.envelope import Verify
from lockgate.drivers.policies.worker import CelPolicies
from lockgate.drivers.signing import verify


def signature_check() -> Verify:
    """How a signature is checked, for who has a ring of keys."""
    return verify


judging = CelPolicies
"""Works out rules, as a context."""
