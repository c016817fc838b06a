"""What every place of secrets must do, and every store of Lockgate's own. Inherit one, and give it its fixtures."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lockgate.core.errors import Conflict, LockgateError, NotFound
from lockgate.core.secret import Secret, SecretSource, SecretStore
from lockgate.ports import SecretVault, Strongbox
from lockgate.testing.samples import NOON, an_event

SET = an_event("secret.set", NOON, actor="ada", environment="prod")
KEPT = SecretSource(SecretStore.KEPT, "DB_PASS")

Puts = Callable[[str], SecretSource]
"""Puts a text into a file, or a variable: the same place each time."""


class SecretVaultContract:
    """Fixtures: ``vault``, ``box`` (what it looks kept secrets up in) and ``puts``."""

    def test_a_pinned_version_stays_what_it_was(self, vault: SecretVault, box: Strongbox) -> None:
        box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        pinned = vault.pin(KEPT, "prod")
        box.keep("prod", "DB_PASS", Secret("hunter3"), SET)
        assert vault.reveal(pinned) == Secret("hunter2") and vault.changed(pinned) == ""
        assert vault.pin(KEPT, "prod").version == 2 and pinned.version == 1 and pinned.environment == "prod"

    def test_a_content_without_versions_is_told_from_another(self, vault: SecretVault, puts: Puts) -> None:
        source = puts("s3cr3t")
        pinned = vault.pin(source, "prod")
        assert pinned.pinned and vault.changed(pinned) == "" and pinned.anyhow == source
        puts("changed")
        assert vault.changed(pinned) and "changed" not in vault.changed(pinned).replace("has changed", "")
        assert vault.reveal(pinned) == Secret("changed")
        assert vault.changed(source) == "", "nobody has said which content was meant"
        puts("s3cr3t")
        assert vault.changed(pinned) == "" and vault.pin(source, "prod") == pinned

    def test_the_same_text_has_the_same_fingerprint_and_does_not_show(
        self, vault: SecretVault, box: Strongbox, puts: Puts
    ) -> None:
        told, _ = box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        source = puts("hunter2")
        assert vault.fingerprint(source, "dev") == vault.fingerprint(KEPT, "prod") == told.fingerprint
        puts("hunter3")
        assert vault.fingerprint(source, "dev") != told.fingerprint and "hunter" not in told.fingerprint

    def test_a_removed_version_is_missed(self, vault: SecretVault, box: Strongbox) -> None:
        box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        pinned = vault.pin(KEPT, "prod")
        box.remove("prod", "DB_PASS", 1, SET)
        assert "removed" in vault.changed(pinned)
        with pytest.raises(LockgateError):
            vault.pin(KEPT, "prod")

    def test_what_cannot_be_had_does_not_hinder_learning(self, vault: SecretVault, puts: Puts) -> None:
        source = puts("s3cr3t")
        vault.learn([replace(source, name=source.name + "-nonesuch"), source])
        with pytest.raises(LockgateError):
            vault.pin(replace(source, name=source.name + "-nonesuch"), "prod")


class StrongboxContract:
    """Fixture: ``box``."""

    def test_versions_are_numbered_in_each_environment_and_never_again(self, box: Strongbox) -> None:
        for environment, text in (("prod", "a"), ("dev", "a"), ("prod", "b")):
            box.keep(environment, "DB_PASS", Secret(text), SET)
        removed = box.remove("prod", "DB_PASS", 2, replace(SET, at=NOON + 5, actor="bob"))
        assert (removed.version, removed.removed_at, removed.removed_by) == (2, NOON + 5, "bob")
        assert box.keep("prod", "DB_PASS", Secret("b"), SET)[0].version == 3
        assert [(v.environment, v.version) for v in box.versions()] == [
            ("dev", 1),
            ("prod", 1),
            ("prod", 2),
            ("prod", 3),
        ]
        assert [v.version for v in box.versions("prod", "DB_PASS") if v.removed_at is None] == [1, 3]
        assert box.versions("prod", "OTHER") == ()

    def test_the_same_text_again_is_no_new_version(self, box: Strongbox) -> None:
        first, new = box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        again, newer = box.keep("prod", "DB_PASS", Secret("hunter2"), replace(SET, at=NOON + 9))
        assert (again, new, newer) == (first, True, False) and (first.at, first.actor) == (NOON, "ada")

    def test_what_is_not_there_is_not_removed(self, box: Strongbox) -> None:
        box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        box.remove("prod", "DB_PASS", 1, SET)
        for version in (1, 2):
            with pytest.raises(NotFound):
                box.remove("prod", "DB_PASS", version, SET)

    def test_as_long_as_the_key_is_there_nobody_starts_over(self, box: Strongbox) -> None:
        told, _ = box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        with pytest.raises(Conflict, match="nothing is lost"):
            box.start_over(SET)
        assert box.versions() == (told,)

    def test_after_a_change_of_keys_everything_is_there(self, box: Strongbox) -> None:
        told, _ = box.keep("prod", "DB_PASS", Secret("hunter2"), SET)
        for reseal in (False, True):
            change = box.rotate(reseal, SET)
            assert change.before != change.after
        assert box.versions() == (told,)
        assert box.keep("prod", "DB_PASS", Secret("hunter2"), SET) == (told, False)
