"""What a store must do with sealed secrets and the sealed keys of them. Nothing is opened here."""

from dataclasses import replace

import pytest

from lockgate.core.errors import Conflict, NotFound
from lockgate.core.sealed import DataKey, SealedSecret, Sealing
from lockgate.core.secret import SecretVersion
from lockgate.ports import Store
from lockgate.testing.samples import NOON, an_event

RING = Sealing("installation", "master-1")
PROD = DataKey("prod", 1, "master-1", "sealed key")


def a_sealed(name: str = "DB_PASS", version: int = 1, environment: str = "prod", key: int = 1) -> SealedSecret:
    told = SecretVersion(environment, name, version, "fingerprint", NOON, "ada")
    return SealedSecret(told, key, f"sealed {name} {version}")


def begun(store: Store) -> None:
    store.data_keys.begin(RING)
    store.data_keys.add(PROD)


class SealingContract:
    """Of the doors ``keys`` and ``secrets``."""

    def test_there_is_one_keyring_and_the_first_one_counts(self, store: Store) -> None:
        assert store.data_keys.sealing() is None
        assert store.data_keys.begin(RING) == RING
        assert store.data_keys.begin(Sealing("another", "master-2")) == RING == store.data_keys.sealing()

    def test_a_key_is_added_once_and_only_under_the_master_key_that_counts(self, store: Store) -> None:
        begun(store)
        with pytest.raises(Conflict):
            store.data_keys.add(replace(PROD, sealed="another"))
        with pytest.raises(Conflict):
            store.data_keys.add(DataKey("dev", 1, "master-2", "sealed"))
        assert store.data_keys.select() == (PROD,)

    def test_all_keys_go_to_a_new_master_key_at_once_or_none(self, store: Store) -> None:
        begun(store)
        new = replace(PROD, master="master-2", sealed="again")
        store.data_keys.add(DataKey("dev", 1, "master-1", "sealed"))
        with pytest.raises(Conflict):
            store.data_keys.rewrap("master-1", "master-2", [new], an_event("secret.key_rotated"))
        with pytest.raises(Conflict):
            store.data_keys.rewrap("master-0", "master-2", [new], an_event("secret.key_rotated"))
        assert {key.master for key in store.data_keys.select()} == {"master-1"} and store.history.events(0, 9) == ()
        both = [new, DataKey("dev", 1, "master-2", "again")]
        store.data_keys.rewrap("master-1", "master-2", both, an_event("secret.key_rotated"))
        assert set(store.data_keys.select()) == set(both)
        assert store.data_keys.sealing() == Sealing("installation", "master-2")
        assert [event.kind for event in store.history.events(0, 9)] == ["secret.key_rotated"]

    def test_a_lost_master_key_takes_everything_along_or_nothing(self, store: Store) -> None:
        begun(store)
        for name in ("A", "B"):
            store.secrets.add(a_sealed(name), an_event("secret.set"))
        gone = [replace(a_sealed(name).told, removed_at=NOON, removed_by="bob") for name in ("A", "B")]
        for wrong in (("master-1", gone[:1]), ("master-0", gone)):
            with pytest.raises(Conflict):
                store.data_keys.abandon(wrong[0], "master-2", wrong[1], an_event("secret.key_lost"))
        assert store.data_keys.select() == (PROD,) and store.secrets.select() == (a_sealed("A"), a_sealed("B"))
        store.data_keys.abandon("master-1", "master-2", gone, an_event("secret.key_lost"))
        assert store.data_keys.select() == () and store.data_keys.sealing() == Sealing("installation", "master-2")
        assert store.secrets.select() == tuple(SealedSecret(told, 1, "") for told in gone)

    def test_versions_are_added_one_after_the_other(self, store: Store) -> None:
        begun(store)
        for version in (1, 2):
            store.secrets.add(a_sealed(version=version), an_event("secret.set"))
        for wrong in (2, 4):
            with pytest.raises(Conflict):
                store.secrets.add(a_sealed(version=wrong), an_event("secret.set"))
        assert store.secrets.select() == (a_sealed(version=1), a_sealed(version=2))
        assert len(store.history.events(0, 9)) == 2

    def test_a_version_sealed_with_an_older_key_is_refused(self, store: Store) -> None:
        begun(store)
        store.data_keys.add(DataKey("prod", 2, "master-1", "newer"))
        with pytest.raises(Conflict):
            store.secrets.add(a_sealed(), an_event("secret.set"))

    def test_secrets_are_selected_by_environment_and_name(self, store: Store) -> None:
        begun(store)
        store.data_keys.add(DataKey("dev", 1, "master-1", "sealed"))
        given = [a_sealed("B"), a_sealed("A"), a_sealed("A", 2), a_sealed("A", environment="dev")]
        for one in given:
            store.secrets.add(one, an_event("secret.set"))
        assert store.secrets.select() == (given[3], given[1], given[2], given[0])
        assert store.secrets.select("prod", "A") == (given[1], given[2])
        assert store.secrets.get("prod", "A", 2) == given[2]
        assert store.secrets.get("prod", "A", 3) is None

    def test_what_is_removed_leaves_its_number_behind(self, store: Store) -> None:
        begun(store)
        store.secrets.add(a_sealed(), an_event("secret.set"))
        told = replace(a_sealed().told, removed_at=NOON + 1, removed_by="bob")
        store.secrets.remove(told, an_event("secret.removed"))
        assert store.secrets.get("prod", "DB_PASS", 1) == SealedSecret(told, 1, "")
        for missing in (told, a_sealed(version=2).told):
            with pytest.raises(NotFound):
                store.secrets.remove(missing, an_event("secret.removed"))
        with pytest.raises(Conflict):
            store.secrets.add(a_sealed(version=1), an_event("secret.set"))
        store.secrets.add(a_sealed(version=2), an_event("secret.set"))

    def test_a_place_is_sealed_anew_whole_or_not_at_all(self, store: Store) -> None:
        begun(store)
        for name in ("A", "B"):
            store.secrets.add(a_sealed(name), an_event("secret.set"))
        again = [replace(a_sealed(name, key=2), sealed=f"{name} anew") for name in ("A", "B")]
        newer = DataKey("prod", 2, "master-1", "newer")
        for wrong in (again[:1], [again[0], replace(again[1], sealed="")]):
            with pytest.raises(Conflict):
                store.secrets.reseal(newer, wrong)
        assert store.secrets.select() == (a_sealed("A"), a_sealed("B"))
        store.secrets.reseal(newer, again)
        assert store.secrets.select() == tuple(again)
        assert store.data_keys.select() == (newer,)
        with pytest.raises(Conflict):
            store.secrets.reseal(newer, again)
