"""Ten thousand random edits of an exported audit log: each is found, with nothing but the file and a public key."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from lockgate.core.audit import GENESIS, line_of
from lockgate.core.envelope import Verify
from lockgate.core.errors import Invalid
from lockgate.core.export import Report, verify_export
from lockgate.core.ids import canonical, digest_of_bytes
from lockgate.core.keyring import Keyring, read, trusted, write
from lockgate.drivers.signing import KeyFolder
from lockgate.engine.auditing import Auditing
from lockgate.engine.notary import Notary
from lockgate.store.database import open_store
from lockgate.testing.fakes import FakeClock
from lockgate.testing.samples import NOON, an_event

EDITS = 10_000
Lines = list[bytes]


class Exported:
    """Sixty entries of five days, the first four of them signed, by two keys."""

    def __init__(self, folder: Path) -> None:
        clock, signer = FakeClock(NOON), KeyFolder(folder / "keys", NOON)
        with open_store("sqlite://") as store:
            desk = Auditing(store, clock, Notary(store, clock, signer))
            for n in range(60):
                store.audit.note(
                    an_event("quarantine.set", clock.now(), actor=f"ada{n % 3}", because=f"It failed {n} times.")
                )
                clock.pass_by(5400)
                if n == 30:
                    desk.notary.seal()
                    signer.rotate(clock.now(), "ada", "")
            self.lines = b"".join(desk.export(None, None, "jsonl")).splitlines(keepends=True)
        self.ring: Keyring = signer.ring()
        self.verify: Verify = signer.verify

    def report(self, lines: Lines) -> Report:
        return verify_export(lines, self.ring, self.verify)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    return Exported(tmp_path_factory.mktemp("exported"))


def test_an_untouched_export_verifies(exported: Exported) -> None:
    report = exported.report(exported.lines)
    assert (report.whole, report.entries, report.days, len(report.keys)) == (True, 60, 4, 2)


def changed_byte(lines: Lines, dice: random.Random) -> Lines:
    at, text = _somewhere(lines, dice)
    text[dice.randrange(len(text))] = dice.randrange(256)
    return [*lines[:at], bytes(text), *lines[at + 1 :]]


def removed_bytes(lines: Lines, dice: random.Random) -> Lines:
    at, text = _somewhere(lines, dice)
    start = dice.randrange(len(text))
    del text[start : start + dice.randrange(1, 20)]
    return [*lines[:at], bytes(text), *lines[at + 1 :]]


def added_bytes(lines: Lines, dice: random.Random) -> Lines:
    at, text = _somewhere(lines, dice)
    start = dice.randrange(len(text) + 1)
    added = (b" ", b"\n", b"0", b'"', b",", b"\r", b"\xef\xbb\xbf", bytes([dice.randrange(256)]))
    text[start:start] = dice.choice(added)
    return [*lines[:at], bytes(text), *lines[at + 1 :]]


def deleted_lines(lines: Lines, dice: random.Random) -> Lines:
    start = dice.randrange(len(lines))
    return lines[:start] + lines[start + dice.randrange(1, 4) :]


def doubled_line(lines: Lines, dice: random.Random) -> Lines:
    at = dice.randrange(len(lines))
    to = dice.randrange(len(lines) + 1)
    return [*lines[:to], lines[at], *lines[to:]]


def exchanged_lines(lines: Lines, dice: random.Random) -> Lines:
    one, other = dice.sample(range(len(lines)), 2)
    found = list(lines)
    found[one], found[other] = found[other], found[one]
    return found


def moved_line(lines: Lines, dice: random.Random) -> Lines:
    found = list(lines)
    moved = found.pop(dice.randrange(len(found)))
    found.insert(dice.randrange(len(found) + 1), moved)
    return found


def cut_off(lines: Lines, dice: random.Random) -> Lines:
    text = b"".join(lines)
    return text[: dice.randrange(len(text))].splitlines(keepends=True)


def begun_later(lines: Lines, dice: random.Random) -> Lines:
    return lines[dice.randrange(1, len(lines)) :]


def another_number(lines: Lines, dice: random.Random) -> Lines:
    at, text = _somewhere(lines, dice)
    old, new = dice.sample([b"1", b"2", b"3", b"4", b"5"], 2)
    return [*lines[:at], bytes(text).replace(old, new, 1), *lines[at + 1 :]]


def _days(lines: Lines) -> list[tuple[int, int]]:
    """Where each signed day begins and ends, its checkpoint with it."""
    ends = [at + 1 for at, line in enumerate(lines[:-1]) if not line.startswith(b'{"event":{')]
    return list(zip([0, *ends], ends, strict=False))


def dropped_day(lines: Lines, dice: random.Random) -> Lines:
    """With its checkpoint, and perhaps with some of those around it."""
    days = _days(lines)
    first = dice.randrange(len(days))
    last = dice.randrange(first, len(days))
    return lines[: days[first][0]] + lines[days[last][1] - dice.randrange(2) :]


def exchanged_days(lines: Lines, dice: random.Random) -> Lines:
    (a, b), (c, d) = sorted(dice.sample(_days(lines), 2))
    return [*lines[:a], *lines[c:d], *lines[b:c], *lines[a:b], *lines[d:]]


def moved_to_another_day(lines: Lines, dice: random.Random) -> Lines:
    (a, b), (c, d) = dice.sample(_days(lines), 2)
    found, to = list(lines), dice.randrange(c, d)
    moved = found.pop(dice.randrange(a, b - 1))
    found.insert(to, moved)
    return found


def chained_anew(lines: Lines, dice: random.Random) -> Lines:
    """An entry is changed, left out or added, and everybody's digest behind it is worked out again, as anybody could
    who has no key. The checkpoints stay, or those that would tell go."""
    entries = [json.loads(line) for line in lines if line.startswith(b'{"event":{')]
    signed = {at: line for at, line in enumerate(lines) if not line.startswith(b'{"event":{')}
    at = dice.randrange(len(entries))
    how = dice.randrange(4)
    if how == 0:
        entries[at]["event"]["actor"] += str(dice.random())
    elif how == 1:
        del entries[at]
    elif how == 2:
        entries.insert(at, {"event": {**entries[at]["event"], "because": f"Nothing {dice.random()}."}})
    else:
        del entries[-1 - dice.randrange(len(entries) // 2) :]
    made, previous = [], str(GENESIS)
    for seq, entry in enumerate(entries, 1):
        line = line_of(seq, canonical(entry["event"]), previous)
        previous = str(digest_of_bytes(line))
        made.append(line + b"\n")
    kept = dice.random()
    for place, line in signed.items():
        if place == len(lines) - 1 or dice.random() < kept:
            made.insert(min(place, len(made)), line)
    return made


def cut_at_the_end(lines: Lines, dice: random.Random) -> Lines:
    """The last entries, which no day's checkpoint covers yet, while the closing line stays."""
    last = _days(lines)[-1][1]
    return [*lines[: dice.randrange(last, len(lines) - 1)], lines[-1]]


def closed_elsewhere(lines: Lines, dice: random.Random) -> Lines:
    """The export ends earlier, with a signed line of ours that is another one."""
    at = dice.randrange(1, len(lines) - 1)
    return [*lines[:at], dice.choice([line for line in lines if not line.startswith(b'{"event":{')])]


def _somewhere(lines: Lines, dice: random.Random) -> tuple[int, bytearray]:
    at = dice.randrange(len(lines))
    return at, bytearray(lines[at])


KINDS: tuple[Callable[[Lines, random.Random], Lines], ...] = (
    changed_byte,
    removed_bytes,
    added_bytes,
    deleted_lines,
    doubled_line,
    exchanged_lines,
    moved_line,
    cut_off,
    begun_later,
    another_number,
    dropped_day,
    exchanged_days,
    moved_to_another_day,
    chained_anew,
    cut_at_the_end,
    closed_elsewhere,
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_edit_is_found(exported: Exported, kind: Callable[[Lines, random.Random], Lines]) -> None:
    dice, original, made = random.Random(kind.__name__), b"".join(exported.lines), 0
    while made < -(-EDITS // len(KINDS)):
        edited = b"".join(kind(exported.lines, dice))
        if edited == original:
            continue
        made += 1
        report = exported.report(edited.splitlines(keepends=True))
        assert not report.whole, f"edit {made} is not found:\n{edited.decode(errors='replace')}"
        assert report.because.endswith(".")


def test_whoever_has_another_key_cannot_mend_what_they_changed(exported: Exported, tmp_path: Path) -> None:
    """The chain alone could be made again by anybody; the signatures cannot."""
    forged = Exported(tmp_path)
    assert forged.report(forged.lines).whole
    report = exported.report(forged.lines)
    assert not report.whole and "no key that is known" in report.because


def test_an_honest_chain_is_what_the_forger_makes(exported: Exported) -> None:
    """The forgery is a good one: without a change it is the very export, and each line follows from the one before."""
    entries = [line for line in exported.lines if line.startswith(b'{"event":{')]
    made, previous = [], str(GENESIS)
    for seq, line in enumerate(entries, 1):
        again = line_of(seq, canonical(json.loads(line)["event"]), previous)
        previous = str(digest_of_bytes(again))
        made.append(again + b"\n")
    assert made == entries


def test_the_file_of_keys_cannot_be_exchanged_with_the_record(exported: Exported, tmp_path: Path) -> None:
    """Whoever forges both is found by whoever knows the first key: from it, no rotation leads to theirs."""
    forged, root = Exported(tmp_path), exported.ring.keys[0].id
    for keys in (
        (*forged.ring.keys,),
        (exported.ring.keys[0], *forged.ring.keys),
        (*forged.ring.keys, *exported.ring.keys),
    ):
        ring = read(write(Keyring(keys, (*exported.ring.rotations, *forged.ring.rotations))))
        if root in {key.id for key in keys}:
            ring = trusted(ring, root, forged.verify)
        else:
            with pytest.raises(Invalid, match="holds no key"):
                trusted(ring, root, forged.verify)
            ring = exported.ring
        assert not verify_export(forged.lines, ring, forged.verify).whole
