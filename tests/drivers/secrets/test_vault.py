"""Vault is asked as its documentation says, and what it refuses is a sentence. The other side is a stand-in."""

import datetime
import ipaddress
import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from lockgate.core.errors import SecretUnusable, Unavailable
from lockgate.core.secret import LONGEST, SecretSource, SecretStore
from lockgate.drivers.secrets.vault import AppRole, Jwt, Login, TokenFile, VaultSecrets, VaultSettings
from lockgate.testing.vault_server import VaultServer

SHOP = SecretSource(SecretStore.VAULT, "secret/data/shop", key="password")


@pytest.fixture
def vault() -> Iterator[VaultServer]:
    with VaultServer() as server:
        server.put("secret/shop", password="hunter2", user="shop", port=5432)
        yield server


@pytest.fixture
def reader(vault: VaultServer, tmp_path: Path) -> Iterator[Callable[..., VaultSecrets]]:
    made = []

    def reading(login: Login | None = None, **more: Any) -> VaultSecrets:
        (tmp_path / "token").write_text("s.root\n")
        given = {"address": vault.address, "login": login or TokenFile(tmp_path / "token"), **more}
        made.append(VaultSecrets(VaultSettings(**given)))
        return made[-1]

    yield reading
    for one in made:
        one.close()


def pinned(version: int) -> SecretSource:
    return SecretSource(SecretStore.VAULT, SHOP.name, key=SHOP.key, version=version)


def test_the_newest_version_is_read_with_its_number_and_any_other_by_it(vault: VaultServer, reader: Any) -> None:
    vault.put("secret/shop", password="correct horse")
    secrets = reader()
    text, version = secrets.read(SHOP)
    assert (text.reveal(), version) == ("correct horse", 2)
    text, version = secrets.read(pinned(1))
    assert (text.reveal(), version) == ("hunter2", 1)
    assert vault.asked[-1].path == "/v1/secret/data/shop?version=1"
    assert vault.asked[-1].headers["x-vault-token"] == "s.root"
    assert vault.asked[-1].headers["x-vault-request"] == "true"


def test_a_token_in_a_file_is_read_anew_each_time(vault: VaultServer, reader: Any, tmp_path: Path) -> None:
    secrets = reader()
    (tmp_path / "token").write_text("s.renewed")
    vault.tokens = {"s.renewed"}
    assert secrets.read(SHOP)[1] == 1


@pytest.mark.parametrize("way", ["approle", "kubernetes"])
def test_it_signs_in_once_and_again_when_its_token_is_not_known_any_more(
    vault: VaultServer, reader: Any, tmp_path: Path, way: str
) -> None:
    (tmp_path / "shown").write_text("shown to vault\n")
    login = Jwt("lockgate", tmp_path / "shown", way) if way == "kubernetes" else AppRole("lockgate", tmp_path / "shown")
    vault.roles = {("lockgate", "shown to vault"): way}
    secrets = reader(login)
    for _ in range(3):
        secrets.read(SHOP)
    assert vault.logins == 1
    vault.tokens.clear()
    secrets.read(SHOP)
    assert vault.logins == 2


def test_a_token_is_replaced_before_its_time_is_over(vault: VaultServer, reader: Any, tmp_path: Path) -> None:
    (tmp_path / "shown").write_text("id")
    vault.roles, vault.lasts = {("lockgate", "id"): "approle"}, 1
    secrets = reader(AppRole("lockgate", tmp_path / "shown"))
    secrets.read(SHOP)
    secrets._until = time.monotonic() - 1
    secrets.read(SHOP)
    assert vault.logins == 2


def test_a_namespace_is_named(vault: VaultServer, reader: Any) -> None:
    vault.namespace = "team/shop"
    assert reader(namespace="team/shop").read(SHOP)[1] == 1
    with pytest.raises(SecretUnusable):
        reader().read(SHOP)


def refusal(kind: type[Exception], secrets: VaultSecrets, source: SecretSource = SHOP) -> str:
    with pytest.raises(kind) as caught:
        secrets.read(source)
    assert "hunter2" not in str(caught.value)
    return str(caught.value)


def test_what_it_may_not_read_is_told_with_the_policy_that_is_missing(vault: VaultServer, reader: Any) -> None:
    vault.unreadable = {"secret/data/shop"}
    told = refusal(SecretUnusable, reader())
    assert "Vault refuses to show secret/data/shop" in told and 'capabilities = ["read"]' in told


def test_a_sealed_vault_is_asked_again(vault: VaultServer, reader: Any) -> None:
    vault.sealed = True
    assert "sealed" in refusal(Unavailable, reader())


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, Unavailable), (472, Unavailable), (500, Unavailable), (502, Unavailable), (307, Unavailable),
     (400, SecretUnusable), (405, SecretUnusable)],
)  # fmt: skip
def test_every_answer_is_one_that_may_pass_or_not(
    vault: VaultServer, reader: Any, status: int, kind: type[Exception]
) -> None:
    vault.trouble = status
    refusal(kind, reader())


def test_one_that_does_not_answer_in_time_is_asked_again(reader: Any) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        assert "has not answered within 0.2 s" in refusal(Unavailable, reader(address=address, patience=0.2))
    assert "cannot be asked" in refusal(Unavailable, reader(address=address))


def test_versions_that_are_gone_say_how(vault: VaultServer, reader: Any) -> None:
    for _ in range(3):
        vault.put("secret/shop", password="x" * 8)
    vault.deleted, vault.destroyed = {("secret/shop", 2)}, {("secret/shop", 3)}
    assert "Version 2 of Vault's secret/data/shop was deleted" in refusal(SecretUnusable, reader(), pinned(2))
    assert "was destroyed" in refusal(SecretUnusable, reader(), pinned(3))
    assert "has nothing at secret/data/shop version 9" in refusal(SecretUnusable, reader(), pinned(9))
    elsewhere = SecretSource(SecretStore.VAULT, "secret/shop", key="password")
    assert "behind the mount it has data/" in refusal(SecretUnusable, reader(), elsewhere)


def test_a_key_that_is_not_there_or_no_text_is_refused_naming_those_there_are(vault: VaultServer, reader: Any) -> None:
    missing = SecretSource(SecretStore.VAULT, SHOP.name, key="passwd")
    assert re.search(
        r"has no key 'passwd'\. It has: password, port, user\.", refusal(SecretUnusable, reader(), missing)
    )
    number = SecretSource(SecretStore.VAULT, SHOP.name, key="port")
    assert "port of Vault's secret/data/shop is no text" in refusal(SecretUnusable, reader(), number)
    vault.put("secret/shop", password="x" * (LONGEST + 1))
    assert "longer than 1024 KiB" in refusal(SecretUnusable, reader())


def test_a_wrong_way_to_sign_in_is_told(vault: VaultServer, reader: Any, tmp_path: Path) -> None:
    (tmp_path / "id").write_text("s3cret-id")
    told = refusal(SecretUnusable, reader(AppRole("lockgate", tmp_path / "id")))
    assert "does not let the server in by approle: invalid role or secret ID" in told and "s3cret-id" not in told
    told = refusal(SecretUnusable, reader(AppRole("lockgate", tmp_path / "nonesuch")))
    assert "What the server shows to Vault cannot be read" in told
    (tmp_path / "id").write_text("two\nlines")
    assert "does not hold one line" in refusal(SecretUnusable, reader(AppRole("lockgate", tmp_path / "id")))


def a_certificate(folder: Path) -> tuple[Path, Path]:
    """(key with certificate, certificate alone), of 127.0.0.1."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "vault.test")])
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    certificate = builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (folder / "both.pem").write_bytes(key.private_bytes(*pem) + certificate)
    (folder / "ca.pem").write_bytes(certificate)
    return folder / "both.pem", folder / "ca.pem"


def test_tls_is_checked_against_the_authority_that_is_named(reader: Any, tmp_path: Path) -> None:
    both, ca = a_certificate(tmp_path)
    with VaultServer(certificate=both) as server:
        server.put("secret/shop", password="hunter2")
        assert reader(address=server.address, ca=ca).read(SHOP)[1] == 1
        assert "cannot be asked" in refusal(Unavailable, reader(address=server.address))
    assert "cannot be used" in refusal(SecretUnusable, reader(ca=tmp_path / "nonesuch"))
