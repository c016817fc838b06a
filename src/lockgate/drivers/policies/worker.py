"""The port of policies: asks a process of its own, started when it is first needed and again whenever it has died."""

import contextlib
import importlib.util
import json
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from lockgate.core import template
from lockgate.core.errors import ComponentMissing, Unavailable
from lockgate.core.facts import SAMPLE, document
from lockgate.core.policy import MAX_RULE, Judgement, Policy, RuleProblem
from lockgate.drivers.policies.complaints import SIMPLER, fault_words, over_limit, problems_in

START = 60.0
"""Seconds until a new process must be ready."""
PATIENCE = 10.0
"""Seconds until one rule must be answered. The process ends itself long before, by the processor time it used."""
MAX_DOCUMENT = 256 * 1024
"""Bytes of the facts."""
DEATHS = 3
"""Times that one question may end the process, or ask for all of its memory; whatever is still to be asked then, does
not hold."""
WHOLE = 30.0
"""Seconds after which the same goes for a question that is still not answered: thousands of rules may be slow."""
_STOPPED = "it asked for more than half a second of a processor or 1 GiB of memory, and was stopped."
_ZONES = Path("/usr/share/zoneinfo")


class _Died(Exception):
    """The process ended, or had to be ended, instead of answering."""


@dataclass(slots=True)
class _Process:
    """One life of it."""

    popen: "subprocess.Popen[bytes]"
    _read: bytes = b""

    def ask(self, question: bytes) -> None:
        try:
            assert self.popen.stdin is not None
            self.popen.stdin.write(question)
            self.popen.stdin.flush()
        except OSError as error:
            raise _Died from error

    def answer(self, within: float) -> Any:
        """The next line."""
        assert self.popen.stdout is not None
        end, source = time.monotonic() + within, self.popen.stdout.fileno()
        while b"\n" not in self._read:
            ready, _, _ = select.select([source], [], [], max(0.0, end - time.monotonic()))
            more = os.read(source, 1 << 16) if ready else b""
            if not more:
                raise _Died
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        try:
            return json.loads(line)
        except ValueError as error:
            raise _Died from error

    def end(self) -> None:
        self.popen.kill()
        self.popen.wait()
        for pipe in (self.popen.stdin, self.popen.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@dataclass(slots=True)
class CelPolicies:
    """Rules in the Common Expression Language. May be asked from any thread."""

    _process: _Process | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, policy: Policy) -> tuple[RuleProblem, ...]:
        """The rule is also tried on a document like any other, to meet its limits before they matter."""
        long = [part for part in ("rule", "message") if len(getattr(policy, part)) > MAX_RULE]
        if long:
            because = f"it is longer than {MAX_RULE} characters."
            return tuple(RuleProblem(part, because, SIMPLER) for part in long)
        with self._lock:
            (answer,) = self._asked("check", (policy,), document(SAMPLE))
        if answer is None:
            return (RuleProblem("rule", _STOPPED, SIMPLER),)
        if limit := over_limit(answer.get("tried", "")):
            return (RuleProblem("rule", limit, SIMPLER),)
        if "Invalid timezone" in answer.get("tried", ""):
            return (RuleProblem("rule", "there is no such time zone.", "Write one such as Europe/Berlin."),)
        return tuple(problem for at, said in answer["found"] for problem in _problems(policy, at, said))

    def judge(self, policies: Sequence[Policy], document: Mapping[str, Any]) -> tuple[Judgement, ...]:
        with self._lock:
            answers = self._asked("judge", policies, document)
            return tuple(_judgement(policy, answer) for policy, answer in zip(policies, answers, strict=True))

    @property
    def pid(self) -> int | None:
        """Of the process, if there is one."""
        return self._process.popen.pid if self._process else None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the process; the next question starts another."""
        with self._lock:
            self._end()

    def _asked(self, do: str, policies: Sequence[Policy], facts: Mapping[str, Any]) -> Iterator[dict[str, Any] | None]:
        """The answer about each, or None for one that ended the process or could not be asked any more. Answers come
        together; once the process has died they come one by one, so that it is known which rule ended it."""
        told = json.dumps(facts)
        if len(told) > MAX_DOCUMENT:
            raise Unavailable(f"The facts have {len(told)} bytes, and rules are given at most {MAX_DOCUMENT}.")
        left, deaths, careful, starved = [_question_of(policy) for policy in policies], 0, False, False
        end = time.monotonic() + WHOLE
        while left and deaths < DEATHS and time.monotonic() < end:
            asked = _line(do, told, left, careful)
            try:
                self._process = self._process or _started()
                self._process.ask(asked)
                while left and deaths < DEATHS and time.monotonic() < end:
                    answer = self._process.answer(PATIENCE)
                    left.pop(0)
                    if "MEMORY" in (answer.get("fault"), answer.get("tried")):
                        starved, deaths = True, deaths + 1
                    yield answer
            except _Died:
                self._end()
                if not careful:
                    careful = True
                    continue
                left.pop(0)
                deaths += 1
                yield None
        if starved or left:
            self._end()  # what it had asked for may lie about in pieces, and what nobody reads is still to come
        yield from (None for _ in left)

    def _end(self) -> None:
        if self._process is not None:
            self._process.end()
        self._process = None


def judge_once() -> None:
    """Raises ComponentMissing, Unavailable where rules cannot be worked out."""
    with CelPolicies() as policies:
        policies.check(Policy("policy", "true", "-"))


def _started() -> _Process:
    """Raises ComponentMissing, Unavailable."""
    for needed in ("cel_expr_python", "google.protobuf"):
        if not _there(needed):
            because = f"Policies cannot be judged on this machine: the Python package {needed!r} is not installed."
            raise ComponentMissing(because, "Install cel-expr-python and protobuf for the Python that runs Lockgate.")
    words = [sys.executable, "-P", "-m", "lockgate.drivers.policies.cel"]
    popen = subprocess.Popen(
        words, bufsize=0, cwd="/", env=_environ(), start_new_session=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    process = _Process(popen)
    try:
        process.answer(START)
    except _Died as died:
        process.end()
        because = "The process that judges policies ended before it was ready."
        raise Unavailable(because, f"See why: {' '.join(words)}") from died
    return process


def _there(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:
        return False


def _environ() -> dict[str, str]:
    """Nothing of ours: a rule has no business with secrets. Where the machine has no time zones, those of a package."""
    environ = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "LANG": "C.UTF-8"}
    zones = importlib.util.find_spec("tzdata")
    if not _ZONES.is_dir() and zones is not None and zones.origin:
        environ["TZDIR"] = str(Path(zones.origin).parent / "zoneinfo")
    return environ


def _line(do: str, facts: str, asked: Sequence[str], careful: bool) -> bytes:
    begin = '{"careful": true, ' if careful else "{"
    return f'{begin}"do": "{do}", "facts": {facts}, "asked": [{", ".join(asked)}]}}\n'.encode()


def _question_of(policy: Policy) -> str:
    parameters = {name: {"kind": p.kind.value, "value": p.value} for name, p in policy.parameters.items()}
    return json.dumps({"rule": policy.rule, "fills": list(template.names(policy.message)), "parameters": parameters})


def _problems(policy: Policy, at: int, said: str) -> tuple[RuleProblem, ...]:
    """``at``: 0 for the rule, else which pair of braces of the message."""
    if at == 0:
        return problems_in(policy, "rule", policy.rule, said)
    text = list(template.names(policy.message))[at - 1]
    return problems_in(policy, "message", text, said, policy.message.find(f"{{{text}}}") + 1)


def _judgement(policy: Policy, answer: Mapping[str, Any] | None) -> Judgement:
    if answer is None:
        return Judgement(False, f"Its rule could not be worked out: {_STOPPED}")
    if answer.get("fault"):
        if missing := re.search(r'No value with name "([\w.]+)"', answer["fault"]):
            return Judgement(False, f"Its rule asks for {missing[1]}, of which nothing is known.", missing[1])
        return Judgement(False, f"Its rule could not be worked out: {fault_words(answer['fault'])}")
    if answer.get("holds") is True:
        return Judgement(True)
    filled = iter(answer.get("filled", ()))
    return Judgement(False, template.finish(policy.message, lambda _: next(filled, "(unknown)")))
