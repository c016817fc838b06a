"""Envelopes are DSSE's, written in one way only, and keys are followed from one to the next."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from lockgate.core import keyring
from lockgate.core.envelope import CHECKPOINT, IN_TOTO, ROTATION, Envelope, Signature, decode, encode, pae
from lockgate.core.errors import Invalid, RecordAltered
from lockgate.core.keyring import Keyring, opened, trusted
from lockgate.testing.contracts.signer import SignerContract
from lockgate.testing.fakes import FakeSigner

ENVELOPES = some.builds(
    Envelope,
    some.text(),
    some.binary(),
    some.lists(some.builds(Signature, some.text(), some.binary()), max_size=2).map(tuple),
)


class TestTheFakeSigner(SignerContract):
    @pytest.fixture
    def signer(self) -> FakeSigner:
        return FakeSigner()


def test_what_is_signed_is_what_the_specification_says() -> None:
    """The example of DSSE's own protocol page."""
    signed = b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    assert pae("http://example.com/HelloWorld", b"hello world") == signed


@given(ENVELOPES)
def test_an_envelope_comes_back(envelope: Envelope) -> None:
    assert decode(encode(envelope)) == envelope


@given(ENVELOPES, some.data())
def test_an_envelope_that_is_written_otherwise_is_another_one_or_none(
    envelope: Envelope, data: some.DataObject
) -> None:
    text = bytearray(encode(envelope))
    text[data.draw(some.integers(0, len(text) - 1))] = data.draw(some.integers(0, 255))
    if bytes(text) == encode(envelope):
        return
    with suppress(RecordAltered):
        assert decode(bytes(text)) != envelope


@pytest.mark.parametrize(
    "text", [b"", b"[]", b"{}", b'{"payload":1}', b"[" * 100_000, b'{"payload":"","payloadType":""}']
)
def test_what_is_no_envelope_is_refused(text: bytes) -> None:
    with pytest.raises(RecordAltered):
        decode(text)


def signed(signer: FakeSigner, payload: bytes = b'{"a":1}', kind: str = IN_TOTO) -> Envelope:
    return Envelope(kind, payload, (signer.sign(pae(kind, payload)),))


def test_an_envelope_is_opened_by_the_key_that_signed_it() -> None:
    signer = FakeSigner()
    assert opened(signed(signer), IN_TOTO, signer.ring(), signer.verify) == {"a": 1}


@pytest.mark.parametrize(
    ("because", "envelope"),
    [
        ("is expected", signed(FakeSigner(), kind=CHECKPOINT)),
        ("no key that is known", signed(FakeSigner("another"))),
        ("no key that is known", Envelope(IN_TOTO, b"{}", ())),
        ("no key that is known", Envelope(IN_TOTO, b'{"a":1}', signed(FakeSigner()).signatures * 2)),
        ("one of the two", Envelope(IN_TOTO, b'{"a":2}', signed(FakeSigner()).signatures)),
        ("not JSON", signed(FakeSigner(), b"{")),
        ("not a JSON object", signed(FakeSigner(), b"[]")),
    ],
)
def test_an_envelope_that_is_not_to_be_trusted_is_not_opened(because: str, envelope: Envelope) -> None:
    signer = FakeSigner()
    with pytest.raises(RecordAltered, match=because):
        opened(envelope, IN_TOTO, signer.ring(), signer.verify)


def test_trust_goes_from_key_to_key_but_not_backwards() -> None:
    signer = FakeSigner()
    signer.rotate(1.0, "ada", "")
    ring = signer.rotate(2.0, "ada", "")
    ids = [key.id for key in ring.keys]
    assert [key.id for key in trusted(ring, ids[1][7:20], signer.verify).keys] == ids[1:]


def test_a_key_that_nobody_introduced_is_not_trusted() -> None:
    signer, stranger = FakeSigner(), FakeSigner("stranger")
    own = signer.ring().current
    forged = stranger.rotate(1.0, "eve", "")
    ring = Keyring((own, *forged.keys), forged.rotations)
    assert trusted(ring, own.id, signer.verify).keys == (own,)


def test_a_rotation_that_was_altered_introduces_nobody() -> None:
    signer, stranger = FakeSigner(), FakeSigner("stranger")
    ring = signer.rotate(1.0, "ada", "")
    payload = keyring.rotation(ring.keys[0], stranger.ring().current, "eve", "")
    forged = Envelope(ROTATION, payload, ring.rotations[0].signatures)
    altered = Keyring((*ring.keys, stranger.ring().current), (forged,))
    assert trusted(altered, ring.keys[0].id, signer.verify).keys == ring.keys[:1]


def test_keys_may_come_as_pem_blocks() -> None:
    ring = FakeSigner().rotate(1.0, "ada", "")
    text = "\n".join(key.pem for key in ring.keys).encode()
    assert [key.id for key in keyring.read(text).keys] == [key.id for key in ring.keys]


@pytest.mark.parametrize(
    ("text", "because"),
    [
        (b"", "no file of keys"),
        (b"{}", "no file of keys"),
        (b'{"keys":[],"rotations":[]}', "no key"),
        (b"-----BEGIN PUBLIC KEY-----\n%%%\n-----END PUBLIC KEY-----\n", "not in PEM form"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "no public key"),
        (keyring.write(FakeSigner().ring()).replace(b'"id":"sha256:', b'"id":"sha256:0'), "not the one that its id"),
    ],
)
def test_a_file_that_holds_no_keys_is_refused_by_name(text: bytes, because: str) -> None:
    with pytest.raises(Invalid, match=because):
        keyring.read(text, "keys.json")


def test_a_root_that_is_not_there_is_refused() -> None:
    with pytest.raises(Invalid, match="no key 'abc'"):
        trusted(FakeSigner().ring(), "abc", FakeSigner().verify)
