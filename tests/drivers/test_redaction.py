"""Secrets in output are ``***``, however the output is cut into pieces."""

from hypothesis import given
from hypothesis import strategies as st

from lockgate.drivers.redaction import Redaction, unpadded

KEY = "-----BEGIN KEY-----\nAAAABBBBCCCC\n  DDDDEEEEFFFF\n}\n-----END KEY-----"


class Output:
    """Kept in pieces, as the shim keeps it: one call reads from one piece, and the first ones may be gone."""

    def __init__(self, written: bytes, piece: int = 1000, gone: int = 0) -> None:
        self.written, self.piece, self.gone = written, piece, gone

    def read(self, after: int, limit: int) -> tuple[bytes, int]:
        after = max(after, self.gone)
        end = min(after + limit, (after // self.piece + 1) * self.piece)
        data = self.written[after:end]
        return data, after + len(data)


def told(redaction: Redaction, output: Output, limit: int) -> bytes:
    whole, after = b"", 0
    while True:
        data, following = redaction.read(output.read, after, limit)
        if following == after:
            return whole
        whole, after = whole + data, following


def test_every_secret_is_masked_and_the_rest_stays() -> None:
    redaction = Redaction(["hunter2", "s3cr3t"])
    assert redaction.masked(b"a hunter2 b s3cr3thunter2 c hunter") == b"a *** b ****** c hunter"


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Redaction(["pass", "password"]).masked(b"password") == b"***"


def test_what_is_too_short_is_no_secret() -> None:
    redaction = Redaction(["abc", ""])
    assert redaction.masked(b"abc") == b"abc"
    assert redaction.reach == 0


def test_a_key_is_masked_line_by_line_too() -> None:
    redaction = Redaction([KEY])
    assert redaction.masked(KEY.encode()) == b"***"
    assert redaction.masked(b"1: AAAABBBBCCCC\n2: DDDDEEEEFFFF\n}") == b"1: ***\n2: ***\n}"


def test_a_secret_printed_without_the_space_around_it_is_masked() -> None:
    assert Redaction([" hunter2\r\n"]).masked(b"hunter2") == b"***"


@given(
    parts=st.lists(st.sampled_from([b"hunter2", b"hunt", b"2", b"er2 ", b"\n", b"tellme", b"x" * 30]), max_size=12),
    limit=st.integers(1, 40),
    piece=st.integers(5, 50),
)
def test_reading_in_pieces_tells_what_reading_at_once_does(parts: list[bytes], limit: int, piece: int) -> None:
    redaction = Redaction(["hunter2", "tellme"])
    written = b"".join(parts) + b"\n"
    assert told(redaction, Output(written, piece), limit) == redaction.masked(written)


def test_half_a_secret_at_the_end_is_held_back_until_the_other_half_is_there() -> None:
    redaction, output = Redaction(["hunter2"]), Output(b"it is hunte")
    assert redaction.read(output.read, 0, 100) == (b"it is ", 6)
    output.written += b"r2!"
    assert redaction.read(output.read, 6, 100) == (b"***!", 14)


def test_what_was_rotated_away_is_skipped() -> None:
    output = Output(b"x" * 50 + b"hunter2 y", 20, gone=40)
    assert Redaction(["hunter2"]).read(output.read, 0, 100) == (b"x" * 10 + b"*** y", 59)


def test_without_secrets_output_is_read_as_it_is() -> None:
    assert Redaction(()).read(Output(b"hunter2").read, 2, 3) == (b"nte", 5)


@given(st.lists(st.sampled_from([b"hunter2", b"*", b" ", b"abc\n"]), max_size=10), st.integers(0, 60))
def test_a_kept_log_has_its_length_and_reads_as_if_masked(parts: list[bytes], cut: int) -> None:
    redaction, written = Redaction(["hunter2"]), b"".join(parts)
    padded = redaction.padded(written)
    assert len(padded) == len(written)
    assert unpadded(padded[:cut]) + unpadded(padded[cut:]) == redaction.masked(written)


def test_the_last_words_do_not_begin_with_half_a_secret() -> None:
    redaction = Redaction(["hunter2"])
    data = b"a hunter2 and hunter2"
    assert redaction.last(data[-(12 + redaction.reach) :], 12) == b" and ***"
    assert redaction.last(data[-(17 + redaction.reach) :], 17) == b" and ***"
