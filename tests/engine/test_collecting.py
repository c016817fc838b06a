"""What the collection of artifacts keeps."""

from collections.abc import Collection

from lockgate.core.artifact import Artifact
from lockgate.engine.collector import KEEP_GOOD, KEEP_NEWEST, Collector
from lockgate.messages import RollBack
from lockgate.testing.rig import Rig


def versions(kept: Collection[Artifact]) -> set[str]:
    return {artifact.version for artifact in kept}


def test_what_runs_the_last_good_ones_and_the_newest_are_kept(rig: Rig) -> None:
    old = rig.deploy(rig.release("old"))
    rig.run(10)
    for number in range(KEEP_GOOD):
        rig.deploy(rig.release(f"good {number}"))
        rig.run(10)
    for number in range(KEEP_NEWEST):
        rig.release(f"new {number}")
    collected: list[Collection[Artifact]] = []
    Collector(rig.store, collected.append).run()
    good, new = {f"good {n}" for n in range(KEEP_GOOD)}, {f"new {n}" for n in range(KEEP_NEWEST)}
    assert versions(collected[0]) == good | new
    assert rig.row(old.id).holds is False


def test_what_still_runs_somewhere_is_kept_however_old(rig: Rig) -> None:
    rig.deploy(rig.release("old"))
    rig.run(20)
    rig.catalogue = rig.catalogue.__class__({"dev": rig.catalogue.get("dev")})
    for number in range(KEEP_GOOD + KEEP_NEWEST):
        rig.deploy(rig.release(f"newer {number}"))
        rig.run(10)
    assert "old" in versions(Collector(rig.store, lambda kept: None).kept())


def test_what_a_rollback_would_bring_back_is_kept(rig: Rig) -> None:
    for version in ("1", "2"):
        rig.deploy(rig.release(version))
        rig.run(10)
    rig.operations.roll_back(RollBack("shop", "dev", "users complain", actor="bob"))
    assert versions(Collector(rig.store, lambda kept: None).kept()) == {"1", "2"}
