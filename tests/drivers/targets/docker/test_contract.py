"""The Docker target, with real containers: the contract. What only it promises is in the files beside this one."""

import pytest

from lockgate.testing.contracts.target import TargetContract

pytestmark = pytest.mark.real


class TestContract(TargetContract):
    pass
