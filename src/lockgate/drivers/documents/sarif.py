"""SARIF 2.1.0: what an analysis of code or of packages has found."""

from collections.abc import Iterator

import msgspec

from lockgate.core.evidence import Contents, Format, Role
from lockgate.core.finding import Finding, Severity
from lockgate.drivers.documents.wire import Shape, instant_of, read_as, refused, severity_of_score

VERSION = "2.1.0"

_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW, "none": Severity.NEGLIGIBLE}
_NOT_FOUND = frozenset({"pass", "notApplicable", "open", "review", "informational"})
"""Kinds of results that are no fault."""


class _Properties(Shape):
    score: str | float | None = msgspec.field(default=None, name="security-severity")


class _Configuration(Shape):
    level: str = "warning"


class _Rule(Shape):
    id: str = ""
    default_configuration: _Configuration = msgspec.field(default_factory=_Configuration)
    properties: _Properties = msgspec.field(default_factory=_Properties)


class _Driver(Shape):
    name: str = ""
    rules: list[_Rule] = msgspec.field(default_factory=list)


class _Tool(Shape):
    driver: _Driver = msgspec.field(default_factory=_Driver)
    extensions: list[_Driver] = msgspec.field(default_factory=list)


class _Artifact(Shape):
    uri: str = ""


class _Physical(Shape):
    artifact_location: _Artifact = msgspec.field(default_factory=_Artifact)


class _Location(Shape):
    physical_location: _Physical = msgspec.field(default_factory=_Physical)


class _RuleReference(Shape):
    id: str = ""


class _Suppression(Shape):
    status: str = "accepted"


class _Result(Shape):
    rule_id: str = ""
    rule: _RuleReference = msgspec.field(default_factory=_RuleReference)
    rule_index: int = -1
    level: str = ""
    kind: str = "fail"
    baseline_state: str = ""
    suppressions: list[_Suppression] | None = None
    locations: list[_Location] = msgspec.field(default_factory=list)
    properties: _Properties = msgspec.field(default_factory=_Properties)


class _Invocation(Shape):
    end: str | None = msgspec.field(default=None, name="endTimeUtc")
    successful: bool = msgspec.field(default=True, name="executionSuccessful")


class _Details(Shape):
    id: str = ""


class _Run(Shape):
    tool: _Tool
    results: list[_Result] | None = None
    invocations: list[_Invocation] = msgspec.field(default_factory=list)
    automation_details: _Details = msgspec.field(default_factory=_Details)


class _Log(Shape):
    version: str
    runs: list[_Run]


def read(data: bytes) -> Contents:
    """Raises :class:`Invalid`."""
    log = read_as(data, _Log, "SARIF log")
    if log.version != VERSION:
        raise refused(f"it is SARIF {log.version[:20]!r}.", f"Version {VERSION} is read.")
    if not log.runs:
        raise refused("it holds no run of an analysis.", "Attach the log of an analysis that has run.")
    for run in log.runs:
        _demand_success(run)
    times = [instant_of(one.end) for run in log.runs for one in run.invocations]
    return Contents(
        Format.SARIF,
        log.version,
        frozenset({Role.SCAN}),
        tool=", ".join(dict.fromkeys(run.tool.driver.name for run in log.runs)),
        about=", ".join(dict.fromkeys(run.automation_details.id.rpartition("/")[0] for run in log.runs)),
        made_at=max((at for at in times if at is not None), default=None),
        findings=tuple(finding for run in log.runs for finding in _findings(run)),
    )


def _demand_success(run: _Run) -> None:
    """An analysis that broke off has found nothing, and that says nothing."""
    failed = any(not one.successful for one in run.invocations)
    if failed or run.results is None:
        because = f"the run of {run.tool.driver.name or 'its tool'} did not come to its end, so it proves nothing."
        raise refused(because, "Run the analysis again, and attach its log.")


def _findings(run: _Run) -> Iterator[Finding]:
    rules = {rule.id: rule for part in (run.tool.driver, *run.tool.extensions) for rule in part.rules}
    seen: set[tuple[str, str]] = set()
    for result in run.results or []:
        rule_id = result.rule_id or result.rule.id or _indexed(run, result.rule_index)
        place = next((one.physical_location.artifact_location.uri for one in result.locations), "")
        if _counts(result) and (rule_id, place) not in seen:
            seen.add((rule_id, place))
            yield Finding(rule_id, _severity(result, rules.get(rule_id)), place or run.tool.driver.name)


def _indexed(run: _Run, index: int) -> str:
    rules = run.tool.driver.rules
    return rules[index].id if 0 <= index < len(rules) else ""


def _counts(result: _Result) -> bool:
    suppressed = any(one.status == "accepted" for one in result.suppressions or [])
    return not suppressed and result.kind not in _NOT_FOUND and result.baseline_state != "absent"


def _severity(result: _Result, rule: _Rule | None) -> Severity:
    """By its score for security, where one is given; else by its level."""
    for properties in (result.properties, *([rule.properties] if rule else [])):
        score = _number(properties.score)
        if score is not None:
            return severity_of_score(score)
    level = result.level or (rule.default_configuration.level if rule else "warning")
    return _LEVELS.get(level, Severity.UNKNOWN)


def _number(score: str | float | None) -> float | None:
    try:
        return None if score is None else float(score)
    except ValueError:
        return None
