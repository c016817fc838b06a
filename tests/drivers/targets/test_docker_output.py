"""What instances print: read on without repeating or losing anything, and kept for a while."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lockgate.core.application import Container
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.drivers.targets.docker.output import chunk
from lockgate.testing.contracts.target import FENCE, KEY, prepared
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.images import PYTHON
from lockgate.testing.waiting import wait_until

FIRST = 1_700_000_000


def stamped(nanoseconds: int, text: str) -> bytes:
    """As the engine writes it."""
    seconds, rest = divmod(nanoseconds, 10**9)
    stamp = datetime.fromtimestamp(FIRST + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    fraction = f".{rest:09}".rstrip("0") if rest else ""
    return f"{stamp}{fraction}Z {text}\n".encode()


def told_in_pieces(lines: list[bytes], limit: int) -> str:
    """All of it, asked for again and again from where the answer before ended."""
    text, after = "", 0
    while (piece := chunk(lines, after, limit)).text:
        assert piece.next > after
        text, after = text + piece.text, piece.next
    assert piece.next == after
    return text


def test_lines_are_told_without_their_stamps() -> None:
    told = chunk([stamped(5, "one"), stamped(7, "two")], 0, 1000)
    assert (told.text, told.next) == ("one\ntwo\n", FIRST * 10**9 + 7)


def test_a_piece_ends_behind_the_line_that_fills_it() -> None:
    lines = [stamped(1, "one"), stamped(2, "two"), stamped(3, "three")]
    first = chunk(lines, 0, 5)
    assert first.text == "one\ntwo\n"
    assert chunk(lines, first.next, 5).text == "three\n"


def test_lines_of_one_stamp_stay_together() -> None:
    lines = [stamped(1, "one"), stamped(1, "two"), stamped(1, "three"), stamped(2, "four")]
    first = chunk(lines, 0, 1)
    assert first.text == "one\ntwo\nthree\n"
    assert chunk(lines, first.next, 1).text == "four\n"


def test_a_stamp_that_goes_back_is_not_lost() -> None:
    """Two streams, or a clock that was set."""
    lines = [stamped(5, "one"), stamped(3, "two"), stamped(7, "three")]
    assert told_in_pieces(lines, 1) == "one\ntwo\nthree\n"


@pytest.mark.parametrize("stamp", ["2023-11-14T22:13:20Z", "2023-11-14T23:13:20+01:00", "2023-11-14T22:13:20.0Z"])
def test_stamps_are_read_however_they_are_written(stamp: str) -> None:
    told = chunk([f"{stamp} text\n".encode()], 0, 100)
    assert (told.text, told.next) == ("text\n", FIRST * 10**9)


def test_what_is_not_text_and_what_has_no_stamp_is_told_all_the_same() -> None:
    lines = [stamped(1, "one").replace(b"one", b"\xff"), b"without\n", stamped(2, "")]
    assert told_in_pieces(lines, 1) == "\N{REPLACEMENT CHARACTER}\nwithout\n\n"


STEPS = st.lists(st.tuples(st.integers(-3, 10), st.text("ab ü", max_size=12)), max_size=30)


@given(steps=STEPS, limit=st.integers(1, 60), whole=st.sampled_from([1, 10**8, 10**9]))
def test_reading_on_tells_every_line_once_and_in_order(steps: list[tuple[int, str]], limit: int, whole: int) -> None:
    now, lines = 100 * whole, []
    for step, text in steps:
        now += step * whole
        lines.append(stamped(now, text))
    assert told_in_pieces(lines, limit) == "".join(f"{text}\n" for _, text in steps)


# --- of real ones ---


COUNTING = """
import sys, time
for number in range(300):
    print(number, file=sys.stdout if number % 2 else sys.stderr, flush=True)
    if number % 50 == 0:
        time.sleep(0.05)
time.sleep(1000)
"""


@pytest.mark.real
def test_output_is_read_on_while_it_is_being_written(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample(container=Container(entrypoint=(PYTHON, "-I", "-S", "-c", COUNTING)), command=())
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    (instance,) = target.observe(KEY).instances
    numbers: list[str] = []
    after = 0

    def all_told() -> bool:
        nonlocal after
        piece = target.logs(KEY, instance.id, after, 200)
        numbers.extend(piece.text.split())
        after = piece.next
        return len(numbers) >= 300

    wait_until(all_told)
    assert target.logs(KEY, instance.id, after, 200).text == ""
    # Two streams come by two ways: each in its own order.
    assert [n for n in numbers if int(n) % 2] == [str(n) for n in range(1, 300, 2)]
    assert [n for n in numbers if not int(n) % 2] == [str(n) for n in range(0, 300, 2)]


@pytest.fixture
def target(ground: DockerGround) -> DockerTarget:
    return ground.target()


@pytest.mark.real
def test_the_output_of_one_that_failed_and_was_replaced_is_kept(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.broken("1")
    prepared(ground, target, spec)
    target.ensure(KEY, spec, 1, FENCE)
    (failed,) = target.observe(KEY).instances
    wait_until(lambda: "told to end" in target.observe(KEY).instances[0].because)
    target.ensure(KEY, spec, 1, FENCE)
    assert target.logs(KEY, failed.id, 0, 1000).text == "sample: told to end with 7\n"
