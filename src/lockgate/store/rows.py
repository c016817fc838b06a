"""Values <-> rows and documents, by msgspec.

Documents are read leniently: a field that an older version did not write gets its default, one that a newer version
added is ignored. So rows need no rewriting when Lockgate is upgraded or taken back.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, TypeVar, get_type_hints

import msgspec
from sqlalchemy import Row

from lockgate.core.application import Application, Check, CommandCheck, HttpCheck
from lockgate.core.deployment import Deployment
from lockgate.core.errors import Invalid, Problem
from lockgate.core.release import Release
from lockgate.decoding import converted, decoded

T = TypeVar("T")

AnyRow = Row[*tuple[Any, ...]]
"""A row of a query, whatever its columns."""

CHECKS: Mapping[str, type[Check]] = {"http": HttpCheck, "command": CommandCheck}
"""A check is stored under its kind, ``{"http": {...}}``, since its fields alone do not say which it is."""

COLUMNS = (
    *("number", "id", "application", "environment", "release", "state", "want", "urgent", "holds"),
    *("next_at", "owner", "lease_until", "generation", "written_at", "let_through"),
)
"""Fields of a deployment that have a column of their own."""

DETAILS = tuple(field.name for field in fields(Deployment) if field.name not in COLUMNS)


def document(value: object) -> str:
    """The value as JSON. Raises :class:`Invalid` for text that is not Unicode (undecoded bytes of a program)."""
    try:
        return msgspec.json.encode(value).decode()
    except UnicodeEncodeError as error:
        because = f"it holds text that is not valid Unicode: {error.reason}."
        mend = "Decode the output of programs with errors='replace'."
        raise Invalid([Problem("request", None, type(value).__name__.lower(), because, mend)]) from error


def value(kind: type[T], text: str) -> T:
    """The value that :func:`document` wrote."""
    return decoded(text, kind)


# --- deployments ---


def deployment_columns(row: Deployment) -> dict[str, Any]:
    """Column -> value, ``details`` included."""
    columns = {name: getattr(row, name) for name in COLUMNS}
    columns["state"], columns["want"] = row.state.value, row.want.value
    columns["details"] = details_of(row)
    return columns


def details_of(row: Deployment) -> str:
    """The document of what has no column."""
    return document({name: getattr(row, name) for name in DETAILS})


def deployment(row: AnyRow, **instead: object) -> Deployment:
    """The deployment in a row of the table, with the columns in ``instead`` changed."""
    known = {name: getattr(row, name) for name in COLUMNS}
    return converted({**msgspec.json.decode(row.details), **known, **instead}, Deployment)


# --- releases ---


def release_document(release: Release) -> str:
    application = _fields(release.application)
    application["verify"] = [{_kind(check): check} for check in release.application.verify]
    return document({**_fields(release), "application": application})


def release(text: str, number: int) -> Release:
    """The release that :func:`release_document` wrote, under the number that the store gave it."""
    raw = msgspec.json.decode(text)
    written = raw["application"]
    verify = tuple(_check(check) for check in written["verify"])
    application = _built(Application, written, verify=verify)
    return _built(Release, raw, application=application, number=number)


def _kind(check: Check) -> str:
    return next(kind for kind, cls in CHECKS.items() if isinstance(check, cls))


def _check(raw: Mapping[str, Any]) -> Check:
    ((kind, written),) = raw.items()
    return converted(written, CHECKS[kind])


def _fields(instance: Any) -> dict[str, Any]:
    return {field.name: getattr(instance, field.name) for field in fields(instance)}


def _built(kind: type[T], raw: Mapping[str, Any], **given: Any) -> T:
    """``kind`` from the JSON objects in ``raw``, with the fields in ``given`` as they are: msgspec refuses a type in
    which two dataclasses are alternatives, as the checks are."""
    hints = get_type_hints(kind)
    read = {name: converted(part, hints[name]) for name, part in raw.items() if name in hints.keys() - given}
    return kind(**read, **given)
