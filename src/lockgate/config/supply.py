"""What an environment asks of releases before they enter: where they come from, what is wrong with them, how they did
elsewhere."""

import re
from collections.abc import Iterator, Sequence

from lockgate.config.form import At, ByShape, Choice, Field, Form, Kind, Read, Schema, Several, listing, nearest
from lockgate.config.scalars import NAME, Measure, Text, YesOrNo, duration, written
from lockgate.core.environment import Catalogue, ProvenanceRule, Soak, VulnerabilityRule
from lockgate.core.errors import Problem
from lockgate.core.finding import Severity

_DAY = 86_400
_PEM = "-----BEGIN PUBLIC KEY-----"


class KeyText:
    """The absolute path of a file with PEM public keys, or such a key itself."""

    def read(self, at: At) -> str:
        expected = "the absolute path of a public key, or the key itself in PEM"
        text = written(at, expected).text
        if "PRIVATE KEY" in text:
            # Not repeated: it is a secret.
            raise at.refused(
                "this is a private key; whoever reads the file could sign with it.", "Write the public one."
            )
        if text.lstrip().startswith(_PEM) or re.fullmatch(r"/[^\x00-\x1f]*[^\x00-\x1f/]", text):
            return text
        raise at.expected(expected, f"A path begins with /, a key with {_PEM}.")

    def schema(self) -> Schema:
        return {"type": "string", "minLength": 1}


def days(what: str, least: float, most: float) -> Measure:
    """A duration that people count in days."""
    plain = duration(what, least, most)
    return Measure(what, "7d", (*plain.units, ("d", plain.units[-1][1] * 24)), least, most)


_PATTERN = Text("a pattern such as https://git.example/shop*", r"[^\s]{1,500}", "It has no spaces; * is for anything.")
_REQUIRED = YesOrNo()

PROVENANCE = Form(
    "provenance",
    ProvenanceRule,
    (
        Field("keys", Several("public keys", KeyText(), least=1), "Public keys: absolute paths, or PEM texts.",
              required=True, stand_in=()),
        Field("required", _REQUIRED, "Whether a release without it is kept out; it is, unless this is false."),
        Field("builders", Several("ids of builders", _PATTERN), "Ids of builders that are taken; * is for anything."),
        Field("source", Several("repositories", _PATTERN), "Repositories that are taken; * is for anything."),
    ),
    hints={
        "key": "Did you mean 'keys'?", "builder": "Did you mean 'builders'?", "sources": "Did you mean 'source'?",
        "repositories": "Did you mean 'source'?",
    },
)  # fmt: skip

_REFUSE = Choice(
    "a severity",
    {s.value: s for s in Severity if s is not Severity.UNKNOWN},
    hints={"none": "Leave `vulnerabilities` out.", "moderate": "Did you mean 'medium'?"},
)


class _OnlyRefuse:
    """``vulnerabilities: critical``"""

    def read(self, at: At) -> VulnerabilityRule:
        return VulnerabilityRule(refuse=_REFUSE.read(at))

    def schema(self) -> Schema:
        return _REFUSE.schema()


VULNERABILITIES: Kind[VulnerabilityRule] = ByShape(
    "a severity such as critical, or a table with refuse, fixable_only, scanned_within and required",
    scalar=_OnlyRefuse(),
    table=Form(
        "vulnerabilities",
        VulnerabilityRule,
        (
            Field("refuse", _REFUSE, "Findings of this severity, and worse ones, keep a release out."),
            Field("fixable_only", YesOrNo(), "Whether only those count that a newer version mends."),
            Field("scanned_within", days("an age", 60, 366 * _DAY), "How old the newest scan may be."),
            Field("required", _REQUIRED, "Whether a release without a scan is kept out; it is, unless this is false."),
        ),
        hints={
            "severity": "Did you mean 'refuse'?", "max_age": "Did you mean 'scanned_within'?",
            "ignore": "Waivers have an end: see `lockgate waiver add`.",
            "waivers": "They are given with `lockgate waiver add`.",
        },
    ),
)  # fmt: skip


def _soak(**given: object) -> Soak:
    return Soak(place=str(given["in"]), seconds=float(str(given["for"])))


SOAK = Form(
    "a soak",
    _soak,
    (
        Field("in", NAME, "The environment where a release must have held.", required=True, stand_in=""),
        Field("for", days("a time to soak", 1, 90 * _DAY), "For how long.", required=True, stand_in=1.0),
    ),
    hints={"environment": "Did you mean 'in'?", "time": "Did you mean 'for'?", "duration": "Did you mean 'for'?"},
)

SUPPLY_RULES = (
    Field("provenance", PROVENANCE, "Whose keys must have signed where a release comes from."),
    Field("vulnerabilities", VULNERABILITIES, "Which findings keep a release out; scans are attached to releases."),
    Field("soak", SOAK, "Where, and for how long, a release must have held before it enters."),
)


def soak_faults(read: Read[Catalogue], names: Sequence[str]) -> Iterator[Problem]:
    """Places to soak that are not there, or are the very environment. ``names``: of all environments."""
    for environment in read.value.environments.values():
        rule, path = environment.soak, f"environments.{environment.name}.soak.in"
        if rule is None or not rule.place:
            continue
        if rule.place not in names:
            because = f"there is no environment {rule.place!r}; there are: {listing(names)}."
            yield read.problem(path, because, nearest(rule.place, names) or "Name one of them.")
        elif rule.place == environment.name:
            yield read.problem(path, "a release cannot soak where it is to be let in.", "Name an environment before.")
