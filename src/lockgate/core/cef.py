"""Audit entries in ArcSight's Common Event Format, for collectors of logs.

A CEF line can be changed without a trace: what proves something is the export as JSON lines.
"""

from lockgate.core.audit import Event

VENDOR, PRODUCT = "Lockgate", "Lockgate"

_SEVERE = {
    "deployment.aborted": 5,
    "deployment.denied": 6,
    "deployment.failed": 8,
    "deployment.rolled_back": 7,
    "deployment.rolling_back": 7,
    "environment.repaired": 4,
    "key.rotated": 5,
    "promotion.refused": 6,
    "quarantine.lifted": 5,
    "quarantine.set": 7,
    "task.rejected": 5,
    "train.aborted": 5,
    "train.failed": 8,
    "train.rolled_back": 7,
    "train.rolling_back": 7,
}
"""0 to 10; what is not named is 3."""

_NAMES = {"cs1": "application", "cs2": "environment", "cs3": "deployment", "cs4": "release", "cs5": "commit"}


def cef_line(seq: int, event: Event, version: str) -> str:
    """One entry, without a line break."""
    name = event.kind.replace(".", " ").replace("_", " ")
    severity = str(_SEVERE.get(event.kind, 3))
    head = [f"CEF:0|{_header(VENDOR)}", PRODUCT, version, event.kind, name, severity]
    fields = {
        "rt": str(round(event.at * 1000)),
        "externalId": str(seq),
        "suser": event.actor,
        "act": event.kind,
        **_address(event.address),
        "msg": event.because,
    }
    for key, attribute in _NAMES.items():
        if text := getattr(event, attribute):
            fields |= {f"{key}Label": attribute, key: text}
    if event.artifacts:
        listed = " ".join(f"{component}={digest}" for component, digest in sorted(event.artifacts.items()))
        fields |= {"cs6Label": "artifacts", "cs6": listed}
    extension = " ".join(f"{key}={_extension(text)}" for key, text in fields.items())
    return "|".join([head[0], *(_header(part) for part in head[1:]), extension])


def _address(address: str) -> dict[str, str]:
    """``src`` takes an IPv4 address and nothing else."""
    if not address:
        return {}
    host, _, forwarded = address.partition(" for ")
    if ":" in host:
        return {"c6a2Label": "source", "c6a2": host, **({"sourceTranslatedAddress": forwarded} if forwarded else {})}
    return {"src": host, **({"sourceTranslatedAddress": forwarded} if forwarded else {})}


def _header(text: str) -> str:
    """The pipe and the backslash are escaped; a header is one line."""
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").splitlines())


def _extension(text: str) -> str:
    """The equals sign and the backslash are escaped, line breaks are written as they are in C."""
    escaped = text.replace("\\", "\\\\").replace("=", "\\=")
    return escaped.replace("\r\n", "\\n").replace("\n", "\\n").replace("\r", "\\n")
