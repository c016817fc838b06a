"""The process target, with real processes: the contract, and what only it promises."""

from lockgate.testing.contracts.target import TargetContract


class TestProcessTarget(TargetContract):
    """See the contract."""
