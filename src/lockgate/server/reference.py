"""The API's reference page, made from the route table and the messages: ``python -m lockgate.server.reference``.

A test compares it with docs/reference/api.md, so that neither the API nor its page changes unseen.
"""

import ast
import inspect
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from pkgutil import iter_modules

from lockgate import messages
from lockgate.core.errors import Problem
from lockgate.server.app import ENDPOINTS
from lockgate.server.endpoint import Endpoint, Parameter
from lockgate.server.faults import RETRY_AFTER, STATUSES
from lockgate.server.message import BODY_LIMIT

OPENING = f"""# HTTP API v1

Made from the route table by `python -m lockgate.server.reference`; do not edit it by hand.

The server listens on the loopback. While it does, the file `server.json` in its data folder says where
(`{{"url", "pid", "version"}}`). Each request carries `Authorization: Bearer TOKEN`: a person's own token
(`lockgate person add`), which proves who asks, or the server's, in the file `token` beside it, readable only by its
owner, which does not. A browser that has signed in sends its session's cookie instead; what changes something is then
accepted from the console's own pages only (`Sec-Fetch-Site`, or `Origin`).

Requests and answers are JSON, instants seconds since 1970. A body has at most {BODY_LIMIT} bytes. Fields and
parameters that are not listed here are refused. Who asks is the person whose token or session it is; with the server's
own token the message's `actor`, else the header `X-Lockgate-Actor`, else the user that the server runs as.
"""

REFUSALS = """## Refusals

Every refusal is an `application/problem+json` (RFC 9457) [Fault](#fault). `detail` is a sentence that says what
happened and how to mend it; `code` names the kind of error; `problems` tells each fault of bad input.

| status | when |
|---|---|
"""

AT_THE_DOOR = {
    401: "no valid token or session came with it",
    403: "a page of another site made it",
    405: "the address does not take this method",
    413: "the body is too large",
    415: "the body is not JSON",
    421: "the Host header names neither the loopback nor a host that is allowed",
    500: "Lockgate itself failed; its log has the cause under the reference told",
}


@dataclass(frozen=True, slots=True)
class _Shown:
    """A message as the reference shows it."""

    kind: type
    about: str
    fields: Mapping[str, str]
    """Field -> what its docstring says."""


def reference() -> str:
    """The page, as Markdown."""
    parts = [OPENING, *map(_endpoint, ENDPOINTS), REFUSALS + _refusals(), "## Messages\n"]
    return "\n".join([*parts, *map(_message, _messages())]).rstrip() + "\n"


def _endpoint(endpoint: Endpoint) -> str:
    answers = " or ".join(map(str, endpoint.statuses))
    lines = [f"## `{endpoint.method} {endpoint.path}`\n", f"{endpoint.about}\n"]
    if endpoint.uploads:
        lines.append("Takes the document itself.")
    if endpoint.takes:
        lines.append(f"Takes {_linked(endpoint.takes.__name__)}.")
    lines.append(f"Answers {answers} with {_linked(endpoint.gives)}.")
    if endpoint.streams:
        lines.append(
            "With `Accept: text/event-stream` it is a stream: `id` is the event's number, `event` its kind, `data` the "
            "event. A comment is sent every 15 s. `Last-Event-ID` goes before `after`."
        )
    rows = [_parameter(parameter) for parameter in endpoint.query]
    return "\n".join([*lines, *(["", "| parameter | | default |", "|---|---|---|", *rows] if rows else []), ""])


def _parameter(parameter: Parameter) -> str:
    name = parameter.name + ("INSTANCE" if parameter.name.endswith(".") else "")
    about = parameter.about + (f" No more than {parameter.most}." if parameter.most else "")
    if parameter.one_of:
        about += f" One of: {', '.join(parameter.one_of)}."
    if parameter.choices:
        about += f" Of: {', '.join(sorted(parameter.choices))}; several with commas."
    return f"| `{name}` | {about} | {parameter.default} |"


def _linked(text: str) -> str:
    """Names of messages in it become links."""
    known = {shown.kind.__name__ for shown in _messages()}
    if text.startswith("{"):
        return f"`{text}`"
    if text.startswith("["):
        return f"a list of {_linked(text.strip('[]'))}"
    return re.sub(r"\w+", lambda found: f"[{found[0]}](#{found[0].lower()})" if found[0] in known else found[0], text)


def _refusals() -> str:
    rows = [f"| {status} | `{kind.code}`: {_first_line(kind)} |" for kind, status in STATUSES if kind.code != "error"]
    rows.append(f"| 503 | an outside system or the store is busy; `Retry-After: {RETRY_AFTER}` |")
    rows += [f"| {status} | {when} |" for status, when in AT_THE_DOOR.items()]
    return "\n".join([*rows, "| 422 | anything else that will fail again until somebody changes something |", ""])


def _message(shown: _Shown) -> str:
    rows = []
    for field in fields(shown.kind):
        needed = field.default is MISSING and field.default_factory is MISSING
        kind = field.type if isinstance(field.type, str) else _type_name(field.type)
        words = f"{shown.fields.get(field.name, '')}".replace("``", "`").replace("|", "\\|")
        rows.append(f"| `{field.name}` | {kind} | {'' if needed else 'optional'} | {words} |")
    about = [shown.about.replace("``", "`") + "\n"] if shown.about else []
    return "\n".join([f"### {shown.kind.__name__}\n", *about, "| field | type | | |", "|---|---|---|---|", *rows, ""])


def _type_name(kind: object) -> str:
    text = kind.__name__ if isinstance(kind, type) and not hasattr(kind, "__args__") else str(kind)
    text = re.sub(r"\b(?:\w+\.)+(\w+)", r"\1", text)
    text = re.sub(r"\bstr\b", "text", text)
    text = re.sub(r"tuple\[(.*), \.\.\.\]", r"list of \1", text)
    text = re.sub(r"Mapping\[text, (.*)\]", r"object of \1", text)
    text = text.replace("Mapping[text, text | int | None]", "object").replace("object of Any", "object")
    return _linked(text.replace(" | None", " or null").replace(" | ", " or ").replace("float", "number"))


def _messages() -> Iterator[_Shown]:
    """Each message, module by module, and the problem that faults are made of."""
    ours = [import_module(f"{messages.__name__}.{found.name}") for found in iter_modules(messages.__path__)]
    for module in (*ours, sys.modules[Problem.__module__]):
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef) and (module in ours or node.name == Problem.__name__):
                told = dict(_told_fields(node))
                yield _Shown(getattr(module, node.name), ast.get_docstring(node) or "", told)


def _told_fields(node: ast.ClassDef) -> Iterator[tuple[str, str]]:
    """Fields that a string below them explains."""
    for field, below in zip(node.body, node.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr):
            yield field.target.id, inspect.cleandoc(str(getattr(below.value, "value", ""))).replace("\n", " ")


def _first_line(kind: type) -> str:
    return (kind.__doc__ or "").partition("\n")[0]


if __name__ == "__main__":
    sys.stdout.write(reference())
