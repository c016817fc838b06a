"""The signing key: kept from others, rotated without a moment in which nothing could be signed, read by other tools."""

import copy
import json
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from securesystemslib.dsse import Envelope as TheirEnvelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from lockgate.core import keyring, statement
from lockgate.core.envelope import IN_TOTO, Envelope, encode, pae
from lockgate.core.errors import ComponentMissing
from lockgate.drivers.signing import KeyFolder, verify
from lockgate.testing.contracts.signer import MESSAGE, SignerContract
from lockgate.testing.samples import a_plan, a_release


class TestTheKeyFolder(SignerContract):
    @pytest.fixture
    def signer(self, tmp_path: Path) -> KeyFolder:
        return KeyFolder(tmp_path / "keys", 0.0)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    old = os.umask(0)
    yield tmp_path / "keys"
    os.umask(old)


def modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.key")}


def test_only_its_owner_can_read_a_key(folder: Path) -> None:
    signer = KeyFolder(folder, 0.0)
    signer.rotate(1.0, "ada", "")
    assert (stat.S_IMODE(folder.stat().st_mode), modes(folder)) == (0o700, {0o600})


def test_a_key_that_others_could_read_is_closed_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    KeyFolder(folder, 0.0)
    (path,) = folder.glob("*.key")
    path.chmod(0o644)
    KeyFolder(folder, 0.0).sign(MESSAGE)
    assert modes(folder) == {0o600} and "lockgate key rotate" in caplog.text


def test_a_private_key_is_forgotten_when_another_signs(folder: Path) -> None:
    signer = KeyFolder(folder, 0.0)
    before = set(folder.glob("*.key"))
    signer.rotate(1.0, "ada", "")
    assert len(set(folder.glob("*.key"))) == 1 and not before & set(folder.glob("*.key"))


def test_the_key_is_the_same_after_a_restart(folder: Path) -> None:
    signer = KeyFolder(folder, 0.0)
    assert KeyFolder(folder, 5.0).sign(MESSAGE) == signer.sign(MESSAGE)


def test_servers_that_share_the_folder_see_each_others_rotations(folder: Path) -> None:
    one, other = KeyFolder(folder, 0.0), KeyFolder(folder, 0.0)
    one.sign(MESSAGE)
    ring = other.rotate(1.0, "ada", "")
    assert one.sign(MESSAGE).key == ring.current.id and one.ring() == ring


def test_a_crash_before_the_ring_is_replaced_leaves_the_old_key_at_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    signer = KeyFolder(folder, 0.0)
    signature = signer.sign(MESSAGE)
    monkeypatch.setattr(signer, "_keep", lambda ring: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        signer.rotate(1.0, "ada", "")
    assert KeyFolder(folder, 2.0).sign(MESSAGE) == signature


def test_a_new_ring_is_new_until_what_was_there_is_signed(folder: Path) -> None:
    signer = KeyFolder(folder, 0.0)
    assert signer.is_new and KeyFolder(folder, 0.0).is_new
    signer.settled()
    assert not signer.is_new and not KeyFolder(folder, 0.0).is_new


def test_a_lost_key_is_told_with_the_way_to_mend_it(folder: Path) -> None:
    signer = KeyFolder(folder, 0.0)
    for path in folder.glob("*.key"):
        path.unlink()
    with pytest.raises(ComponentMissing, match="Restore the folder from a backup"):
        KeyFolder(folder, 0.0).sign(MESSAGE)
    assert signer.ring().keys


def test_a_file_that_holds_no_key_is_told(folder: Path) -> None:
    KeyFolder(folder, 0.0)
    (path,) = folder.glob("*.key")
    path.write_text("nothing")
    with pytest.raises(ComponentMissing, match="holds no private key"):
        KeyFolder(folder, 0.0).sign(MESSAGE)


@pytest.mark.parametrize("pem", ["", "nothing", "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
def test_a_text_that_is_no_key_verifies_nothing(pem: str) -> None:
    assert not verify(pem, MESSAGE, b"x" * 64)


# --- another tool as the oracle ---


@pytest.mark.parametrize("payload", [statement.of_release(a_release()), statement.of_plan(a_plan())])
def test_other_tools_verify_what_is_signed(folder: Path, payload: bytes) -> None:
    signer = KeyFolder(folder, 0.0)
    envelope = Envelope(IN_TOTO, payload, (signer.sign(pae(IN_TOTO, payload)),))
    public = signer.ring().current
    key = SSlibKey(public.id, "ed25519", "ed25519", {"public": _raw(public.pem)})
    theirs = json.loads(encode(envelope))
    read = TheirEnvelope.from_dict(copy.deepcopy(theirs))
    assert read.verify([key], 1) == {public.id: key}
    assert json.loads(read.payload)["_type"] == "https://in-toto.io/Statement/v1"
    theirs["signatures"][0]["sig"] = "A" * 86 + "=="
    with pytest.raises(VerificationError):
        TheirEnvelope.from_dict(theirs).verify([key], 1)


def _raw(pem: str) -> str:
    """The 32 bytes of an Ed25519 key are the last of its DER form, whatever reads it."""
    from base64 import b64decode

    body = "".join(line for line in pem.splitlines() if not line.startswith("-"))
    return b64decode(body)[-32:].hex()


def test_openssl_reads_the_exported_keys(folder: Path) -> None:
    ring = KeyFolder(folder, 0.0).rotate(1.0, "ada", "")
    for key in ring.keys:
        assert keyring.key_id(key.pem) == key.id and "BEGIN PUBLIC KEY" in key.pem
