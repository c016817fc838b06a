"""A statement counts when a known key has signed exactly that, and not otherwise."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.core.envelope import pae
from lockgate.core.errors import ComponentMissing, Invalid
from lockgate.drivers.documents.envelope import opened
from lockgate.drivers.signatures import public_keys
from lockgate.testing.documents import SLSA, SigningKey, provenance

DIGEST = "sha256:" + "ab" * 32
KEYS = {"ed25519": SigningKey.ed25519(), "p256": SigningKey.p256()}
STRANGER = SigningKey.ed25519()


def envelope(key: SigningKey, **more: Any) -> str:
    return key.envelope({**provenance({"web": DIGEST}), **more}).decode()


def test_what_is_signed_is_as_the_specification_has_it() -> None:
    """The example of secure-systems-lab/dsse, protocol.md."""
    assert pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


@pytest.mark.parametrize("kind", KEYS)
def test_a_known_key_is_recognised(kind: str) -> None:
    found = opened(envelope(KEYS[kind]), "it", [STRANGER.pem, KEYS[kind].pem])
    assert found.signed_by.startswith("key ") and not found.because
    assert found.predicate == SLSA
    assert found.subjects == {DIGEST}
    assert found.builder == "https://ci.example/builder@v1"
    assert found.sources == ("https://git.example/shop", "git+https://git.example/shop")


def test_an_unknown_key_is_not() -> None:
    found = opened(envelope(STRANGER), "it", [key.pem for key in KEYS.values()])
    assert found.signed_by == ""
    assert "none of the known keys" in found.because


def test_slsa_0_2() -> None:
    old = {
        "_type": "https://in-toto.io/Statement/v0.1",
        "subject": [{"name": "web", "digest": {"sha256": "AB" * 32, "sha1": "1"}}],
        "predicateType": "https://slsa.dev/provenance/v0.2",
        "predicate": {
            "builder": {"id": "https://ci.example/old"},
            "buildType": "x",
            "invocation": {"configSource": {"uri": "git+https://git.example/shop@refs/heads/main"}},
            "materials": [{"uri": "pkg:docker/python@3.11"}],
            "metadata": {"buildFinishedOn": "2026-11-20T10:00:00Z"},
        },
    }
    found = opened(KEYS["p256"].envelope(old).decode(), "it", [KEYS["p256"].pem])
    assert found.builder == "https://ci.example/old"
    assert found.sources == ("git+https://git.example/shop@refs/heads/main", "pkg:docker/python@3.11")
    assert found.subjects == {DIGEST}


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_nothing_of_an_envelope_can_be_changed(data: st.DataObject) -> None:
    """Another byte in its body or its signature, or another type: nobody known has signed that."""
    key = KEYS[data.draw(st.sampled_from(sorted(KEYS)))]
    whole = json.loads(envelope(key))
    part = data.draw(st.sampled_from(["payload", "sig", "payloadType"]))
    if part == "payloadType":
        whole["payloadType"] += "x"
    else:
        holder = whole if part == "payload" else whole["signatures"][0]
        raw = bytearray(base64.b64decode(holder[part]))
        place = data.draw(st.integers(0, 10_000)) % len(raw)
        raw[place] ^= data.draw(st.integers(1, 255))
        holder[part] = base64.b64encode(raw).decode()
    found = opened(json.dumps(whole), "it", [key.pem])
    assert found.signed_by == "" and found.because


def test_one_good_signature_of_several_is_enough() -> None:
    whole = json.loads(envelope(KEYS["p256"]))
    whole["signatures"].insert(0, {"keyid": "somebody", "sig": base64.b64encode(b"x" * 64).decode()})
    assert opened(json.dumps(whole), "it", [KEYS["p256"].pem]).signed_by


def test_keys_are_read_from_files_and_may_be_several(tmp_path: Path) -> None:
    file = tmp_path / "keys.pem"
    file.write_text("\n".join(key.pem for key in KEYS.values()))
    assert len(public_keys([str(file)])) == 2
    assert opened(envelope(KEYS["p256"]), "it", [str(file)]).signed_by == str(file)
    file.write_text(STRANGER.pem)
    assert opened(envelope(KEYS["p256"]), "it", [str(file)]).signed_by == ""


def test_a_key_that_cannot_be_used_opens_nothing(tmp_path: Path) -> None:
    with pytest.raises(ComponentMissing, match=r"nowhere\.pem cannot be read"):
        public_keys([str(tmp_path / "nowhere.pem")])
    empty = tmp_path / "empty.pem"
    empty.write_text("")
    with pytest.raises(Invalid, match="no PEM public key"):
        public_keys([str(empty)])
    with pytest.raises(Invalid, match="cannot be understood"):
        public_keys(["-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"])
    from cryptography.hazmat.primitives.asymmetric import ec, rsa
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    for private in (rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP384R1())):
        pem = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        with pytest.raises(Invalid, match="Expected Ed25519 or ECDSA P-256"):
            public_keys([pem])


def test_what_openssl_signs_is_recognised(tmp_path: Path) -> None:
    """Another implementation than the one that compares."""
    private, public, signed = tmp_path / "key.pem", tmp_path / "pub.pem", tmp_path / "body"
    body = json.dumps(provenance({"web": DIGEST})).encode()
    kind = "application/vnd.in-toto+json"
    signed.write_bytes(pae(kind, body))
    for words in (
        ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(private)],
        ["pkey", "-in", str(private), "-pubout", "-out", str(public)],
        ["dgst", "-sha256", "-sign", str(private), "-out", str(tmp_path / "sig"), str(signed)],
    ):
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    signature = {"sig": base64.b64encode((tmp_path / "sig").read_bytes()).decode()}
    whole = {"payload": base64.b64encode(body).decode(), "payloadType": kind, "signatures": [signature]}
    assert opened(json.dumps(whole), "it", [str(public)]).signed_by == str(public)
