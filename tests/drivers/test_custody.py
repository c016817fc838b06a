"""All places of secrets as one: pinned, revealed, compared, and known to the redactor before anybody else."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lockgate.config.settings import read_settings
from lockgate.core.errors import ComponentMissing, SecretUnusable, Unavailable
from lockgate.core.secret import Secret, SecretSource, SecretStore
from lockgate.drivers.custody import Custody, custody_of
from lockgate.drivers.master_key import MasterKeyFile
from lockgate.drivers.redactor import Redactor
from lockgate.drivers.secrets.kept import KeptSecrets
from lockgate.drivers.secrets.vault import TokenFile, VaultSecrets, VaultSettings
from lockgate.store.database import open_store
from lockgate.testing.contracts.secrecy import Puts, SecretVaultContract
from lockgate.testing.samples import an_event
from lockgate.testing.vault_server import VaultServer
from lockgate.testing.vaults import FakeVault

KEPT = SecretSource(SecretStore.KEPT, "DB_PASS")
VAULTED = SecretSource(SecretStore.VAULT, "secret/data/shop", key="password")


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    with VaultServer() as server:
        server.put("secret/shop", password="correct horse")
        yield server


@pytest.fixture
def custody(tmp_path: Path, vault: VaultServer) -> Iterator[Custody]:
    (tmp_path / "token").write_text("s.root")
    redactor = Redactor()
    with open_store("sqlite://") as store:
        kept = KeptSecrets(store.data_keys, store.secrets, MasterKeyFile(tmp_path / "keys" / "master"), redactor)
        kept.keep("prod", "DB_PASS", Secret("hunter2"), an_event("secret.set"))
        found = Custody(kept, VaultSecrets(VaultSettings(vault.address, TokenFile(tmp_path / "token"))), redactor)
        yield found
        found.close()


class TestCustody(SecretVaultContract):
    @pytest.fixture
    def vault(self, tmp_path: Path) -> Iterator[Custody]:
        redactor = Redactor()
        with open_store("sqlite://") as store:
            kept = KeptSecrets(store.data_keys, store.secrets, MasterKeyFile(tmp_path / "keys" / "master"), redactor)
            yield Custody(kept, None, redactor)

    @pytest.fixture
    def box(self, vault: Custody) -> KeptSecrets:
        return vault.kept

    @pytest.fixture
    def puts(self, tmp_path: Path) -> Puts:
        def put(text: str) -> SecretSource:
            (tmp_path / "put").write_text(text)
            return SecretSource(SecretStore.FILE, str(tmp_path / "put"))

        return put


class TestFakeVault(SecretVaultContract):
    @pytest.fixture
    def vault(self) -> FakeVault:
        return FakeVault()

    @pytest.fixture
    def box(self, vault: FakeVault) -> FakeVault:
        return vault

    @pytest.fixture
    def puts(self, vault: FakeVault) -> Puts:
        def put(text: str) -> SecretSource:
            vault.texts["/put"] = text
            return SecretSource(SecretStore.FILE, "/put")

        return put


@pytest.fixture
def file(tmp_path: Path) -> SecretSource:
    (tmp_path / "key").write_text("s3cr3t-key\n")
    return SecretSource(SecretStore.FILE, str(tmp_path / "key"))


def test_each_place_is_pinned_by_what_it_has(custody: Custody, file: SecretSource) -> None:
    assert custody.pin(KEPT, "prod") == replace(KEPT, environment="prod", version=1)
    assert custody.pin(VAULTED, "prod") == replace(VAULTED, version=1)
    pinned = custody.pin(file, "prod")
    assert pinned == replace(file, fingerprint=custody.fingerprint(file, "dev")) and pinned.fingerprint
    assert custody.pin(pinned, "prod") == pinned


def test_a_pinned_version_is_revealed_whatever_came_after_it(custody: Custody, vault: VaultServer) -> None:
    kept, vaulted = custody.pin(KEPT, "prod"), custody.pin(VAULTED, "prod")
    custody.kept.keep("prod", "DB_PASS", Secret("hunter3"), an_event("secret.set"))
    vault.put("secret/shop", password="battery staple")
    assert custody.reveal(kept).reveal() == "hunter2" and custody.reveal(vaulted).reveal() == "correct horse"
    assert custody.newest("prod", KEPT).reveal() == "hunter3"
    assert custody.pin(VAULTED, "prod").version == 2
    assert custody.changed(kept) == custody.changed(vaulted) == ""


def test_the_same_text_has_one_fingerprint_wherever_it_is(custody: Custody, tmp_path: Path, vault: VaultServer) -> None:
    (tmp_path / "same").write_text("hunter2")
    vault.put("secret/shop", password="hunter2")
    sources = (KEPT, VAULTED, SecretSource(SecretStore.FILE, str(tmp_path / "same")))
    assert len({custody.fingerprint(source, "prod") for source in sources}) == 1


def test_a_file_with_another_content_is_told_and_revealed_all_the_same(
    custody: Custody, file: SecretSource, caplog: pytest.LogCaptureFixture
) -> None:
    pinned = custody.pin(file, "prod")
    assert custody.changed(pinned) == "" == custody.changed(file)
    Path(file.name).write_text("changed")
    assert "is not the one that the plan was made with" in custody.changed(pinned)
    assert custody.reveal(pinned).reveal() == "changed"
    assert (
        "an instance starts with what is in file" in caplog.text and "changed" not in caplog.text.split("lockgate")[0]
    )
    Path(file.name).unlink()
    with pytest.raises(ComponentMissing):
        custody.changed(pinned)


def test_a_kept_version_that_was_removed_is_told(custody: Custody) -> None:
    pinned = custody.pin(KEPT, "prod")
    custody.kept.remove("prod", "DB_PASS", 1, an_event("secret.removed"))
    assert custody.changed(pinned) == "version 1 of DB_PASS was removed"
    with pytest.raises(SecretUnusable):
        custody.reveal(pinned)


def test_whatever_is_pinned_or_revealed_is_masked_from_then_on(custody: Custody, file: SecretSource) -> None:
    masked = custody.redactor.masked
    assert masked("correct horse s3cr3t-key") == "correct horse s3cr3t-key"
    custody.pin(VAULTED, "prod")
    custody.learn([file])
    assert masked("hunter2 correct horse s3cr3t-key") == "*** *** ***"


def test_what_cannot_be_learnt_yet_is_tried_again(custody: Custody, vault: VaultServer) -> None:
    vault.sealed = True
    custody.learn([VAULTED])
    assert custody.redactor.masked("correct horse") == "correct horse"
    vault.sealed = False
    asked = len(vault.asked)
    custody.learn([VAULTED])
    assert len(vault.asked) == asked, "whoever looks at what runs does not wait for it each time"
    custody._silent_until.clear()
    custody.learn([VAULTED])
    assert custody.redactor.masked("correct horse") == "***"
    asked = len(vault.asked)
    custody.learn([VAULTED])
    assert len(vault.asked) == asked


def test_without_a_vault_a_secret_in_it_says_what_is_missing(custody: Custody) -> None:
    custody.vault = None
    with pytest.raises(ComponentMissing, match="LOCKGATE_VAULT_ADDRESS"):
        custody.pin(VAULTED, "prod")


def test_a_vault_that_is_away_may_come_back(custody: Custody, vault: VaultServer) -> None:
    vault.trouble = 502
    with pytest.raises(Unavailable):
        custody.reveal(VAULTED)


def test_the_servers_settings_say_it_all(tmp_path: Path) -> None:
    given = {"LOCKGATE_HOME": str(tmp_path), "LOCKGATE_DATABASE": "postgresql://me:pass%2Fword@db/lockgate"}
    redactor = Redactor()
    with open_store("sqlite://") as store:
        made = custody_of(read_settings(given, tmp_path), store.data_keys, store.secrets, redactor)
        assert made.vault is None and made.kept.master == MasterKeyFile(tmp_path / "keys" / "master")
        assert redactor.masked("could not connect with pass/word") == "could not connect with ***"
        given |= {"LOCKGATE_MASTER_KEY_FILE": "/run/key", "LOCKGATE_VAULT_ADDRESS": "https://vault:8200"}
        given |= {"LOCKGATE_VAULT_ROLE": "lockgate", "LOCKGATE_VAULT_JWT_FILE": "/run/jwt"}
        made = custody_of(read_settings(given, tmp_path), store.data_keys, store.secrets, redactor)
        assert made.kept.master == MasterKeyFile(Path("/run/key"), own=False)
        assert made.vault is not None and made.vault.settings.address == "https://vault:8200"
