"""What every signer must do."""

from abc import abstractmethod

from lockgate.core import keyring
from lockgate.core.envelope import ROTATION
from lockgate.core.keyring import opened, trusted
from lockgate.ports import Signer

MESSAGE = b"what is signed"


class SignerContract:
    """``signer``: a fixture that gives a new one."""

    @abstractmethod
    def signer(self) -> Signer: ...

    def test_what_it_signs_it_verifies(self, signer: Signer) -> None:
        signature = signer.sign(MESSAGE)
        assert signature.key == signer.ring().current.id
        assert signer.verify(signer.ring().current.pem, MESSAGE, signature.value)

    def test_another_message_signature_or_key_does_not_hold(self, signer: Signer) -> None:
        signature, pem = signer.sign(MESSAGE).value, signer.ring().current.pem
        new = signer.rotate(1.0, "ada", "").current
        assert not signer.verify(pem, MESSAGE + b"!", signature)
        assert not signer.verify(pem, MESSAGE, bytes([signature[0] ^ 1]) + signature[1:])
        assert not signer.verify(pem, MESSAGE, b"")
        assert not signer.verify(new.pem, MESSAGE, signature)

    def test_after_a_rotation_the_new_key_signs_and_the_old_one_verifies(self, signer: Signer) -> None:
        old, before = signer.ring().current, signer.sign(MESSAGE)
        ring = signer.rotate(7.0, "ada", "a laptop was lost")
        assert ring == signer.ring() and [key.id for key in ring.keys] == [old.id, ring.current.id]
        assert (ring.keys[0].until, ring.current.since, ring.current.until) == (7.0, 7.0, None)
        assert signer.sign(MESSAGE).key == ring.current.id != old.id
        assert signer.verify(old.pem, MESSAGE, before.value)

    def test_the_old_key_introduces_the_new_one(self, signer: Signer) -> None:
        first = signer.ring().current
        signer.rotate(7.0, "ada", "a laptop was lost")
        ring = signer.rotate(8.0, "bob", "")
        said = [opened(one, ROTATION, ring, signer.verify) for one in ring.rotations]
        assert [(one["old"], one["new"]) for one in said] == [
            (ring.keys[0].id, ring.keys[1].id),
            (ring.keys[1].id, ring.keys[2].id),
        ]
        assert (said[0]["actor"], said[0]["reason"]) == ("ada", "a laptop was lost")
        assert [key.id for key in trusted(ring, first.id, signer.verify).keys] == [key.id for key in ring.keys]

    def test_the_ring_is_the_same_as_a_file(self, signer: Signer) -> None:
        ring = signer.rotate(7.0, "ada", "")
        assert keyring.read(keyring.write(ring)) == ring
