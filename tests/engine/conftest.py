from collections.abc import Iterator
from pathlib import Path

import pytest

from lockgate.store.database import open_store
from lockgate.testing.rig import Rig


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with open_store(f"sqlite:///{tmp_path}/lockgate.db") as store:
        yield Rig(store)
