"""DSSE envelopes with in-toto statements: what they say, and whether a known key has signed exactly that.

An envelope is signed over ``DSSEv1 LENGTH TYPE LENGTH BODY``, so neither its type nor its body can be exchanged. What
it says is read for people when it is attached; it counts only once a key of the environment has signed it.
"""

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from lockgate.core.envelope import pae
from lockgate.core.errors import Invalid
from lockgate.core.evidence import MAX_ENVELOPE, Attestation, Contents, Format, Role
from lockgate.decoding import UNREADABLE
from lockgate.drivers.documents.wire import Shape, instant_of, read_as, refused
from lockgate.drivers.signatures import PublicKey, public_keys

PAYLOAD_TYPES = ("application/vnd.in-toto+json",)
STATEMENTS = ("https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1")
PROVENANCE = ("https://slsa.dev/provenance/v1", "https://slsa.dev/provenance/v0.2")
MAX_SIGNATURES = 20
P = TypeVar("P")


class _Signature(Shape):
    sig: str
    keyid: str = ""


class _Envelope(Shape):
    payload: str
    payload_type: str
    signatures: list[_Signature]


class _Subject(Shape):
    name: str = ""
    digest: dict[str, str] = msgspec.field(default_factory=dict)


class _Statement(Shape):
    kind: str = msgspec.field(name="_type")
    predicate_type: str = ""
    subject: list[_Subject] = msgspec.field(default_factory=list)
    predicate: msgspec.Raw = msgspec.Raw(b"{}")


class _Builder(Shape):
    id: str = ""


class _Material(Shape):
    uri: str = ""


class _Source(Shape):
    uri: str = ""


class _Invocation(Shape):
    config_source: _Source = msgspec.field(default_factory=_Source)


class _OldTimes(Shape):
    finished: str | None = msgspec.field(default=None, name="buildFinishedOn")


class _Slsa02(Shape):
    """https://slsa.dev/spec/v0.2/provenance"""

    builder: _Builder = msgspec.field(default_factory=_Builder)
    invocation: _Invocation = msgspec.field(default_factory=_Invocation)
    materials: list[_Material] = msgspec.field(default_factory=list)
    metadata: _OldTimes = msgspec.field(default_factory=_OldTimes)


class _Definition(Shape):
    external_parameters: msgspec.Raw = msgspec.Raw(b"{}")
    resolved_dependencies: list[_Material] = msgspec.field(default_factory=list)


class _Times(Shape):
    finished: str | None = msgspec.field(default=None, name="finishedOn")


class _Run(Shape):
    builder: _Builder = msgspec.field(default_factory=_Builder)
    metadata: _Times = msgspec.field(default_factory=_Times)


class _Slsa1(Shape):
    """https://slsa.dev/spec/v1.0/provenance"""

    build_definition: _Definition = msgspec.field(default_factory=_Definition)
    run_details: _Run = msgspec.field(default_factory=_Run)


class _Workflow(Shape):
    repository: str = ""


class _Parameters(Shape):
    """What builders write there of the source; nothing of it is prescribed."""

    workflow: _Workflow = msgspec.field(default_factory=_Workflow)
    source: msgspec.Raw = msgspec.Raw(b'""')
    repository: str = ""


@dataclass(frozen=True, slots=True)
class _Told:
    builder: str = ""
    sources: tuple[str, ...] = ()
    finished: str | None = None


def read(data: bytes) -> Contents:
    """Raises :class:`Invalid`. Who has signed it is not asked here."""
    if len(data) > MAX_ENVELOPE:
        raise refused(f"the envelope has {len(data)} bytes; at most {MAX_ENVELOPE} are read.")
    _, body = _opened(data)
    statement = _statement(body)
    told = _told(statement)
    provenance = statement.predicate_type in PROVENANCE
    return Contents(
        Format.IN_TOTO,
        statement.kind.rpartition("/")[2],
        frozenset({Role.PROVENANCE if provenance else Role.ATTESTATION}),
        tool=told.builder,
        about=", ".join(one.name for one in statement.subject)[:500],
        made_at=instant_of(told.finished),
        envelope=data.decode(),
    )


def opened(envelope: str, document: str, keys: Sequence[str]) -> Attestation:
    """What it says, and which of the keys has signed it. Raises what :func:`public_keys` raises."""
    known = public_keys(keys)
    try:
        found, body = _opened(envelope.encode())
        signer = _signer(found, body, known)
        statement = _statement(body)
        told = _told(statement)
    except Invalid as error:
        return Attestation(document, "", error.problems[0].because)
    because = "" if signer else _unsigned(found, known)
    return Attestation(
        document,
        signer,
        because,
        statement.predicate_type,
        frozenset(f"sha256:{one.digest['sha256'].lower()}" for one in statement.subject if "sha256" in one.digest),
        told.builder,
        told.sources,
    )


def _opened(data: bytes) -> tuple[_Envelope, bytes]:
    envelope = read_as(data, _Envelope, "DSSE envelope")
    if envelope.payload_type not in PAYLOAD_TYPES:
        raise refused(
            f"the envelope holds {envelope.payload_type[:100]!r}.",
            f"Expected an in-toto statement, {PAYLOAD_TYPES[0]}.",
        )
    if not 0 < len(envelope.signatures) <= MAX_SIGNATURES:
        raise refused(f"the envelope has {len(envelope.signatures)} signatures.", f"Expected 1 to {MAX_SIGNATURES}.")
    return envelope, _decoded(envelope.payload)


def _decoded(text: str) -> bytes:
    """Base64, of either alphabet."""
    try:
        return base64.b64decode(text.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError) as error:
        raise refused(f"a part of the envelope is not base64: {error}.") from error


def _statement(body: bytes) -> _Statement:
    statement = read_as(body, _Statement, "in-toto statement")
    if statement.kind not in STATEMENTS:
        raise refused(f"the envelope holds a {statement.kind[:100]!r}.", f"Expected {' or '.join(STATEMENTS)}.")
    return statement


def _told(statement: _Statement) -> _Told:
    if statement.predicate_type == PROVENANCE[0]:
        predicate = _predicate(statement, _Slsa1)
        definition, run = predicate.build_definition, predicate.run_details
        sources = [*_given(definition.external_parameters), *(one.uri for one in definition.resolved_dependencies)]
        return _Told(run.builder.id, _distinct(sources), run.metadata.finished)
    if statement.predicate_type == PROVENANCE[1]:
        old = _predicate(statement, _Slsa02)
        sources = [old.invocation.config_source.uri, *(one.uri for one in old.materials)]
        return _Told(old.builder.id, _distinct(sources), old.metadata.finished)
    return _Told()


def _predicate(statement: _Statement, kind: type[P]) -> P:
    return read_as(bytes(statement.predicate), kind, f"predicate {statement.predicate_type}")


def _given(raw: msgspec.Raw) -> list[str]:
    """The source that a build was asked for, where builders are known to write it."""
    try:
        found = msgspec.json.decode(raw, type=_Parameters)
    except UNREADABLE:
        return []
    return [found.workflow.repository, found.repository, _source(found.source)]


def _source(raw: msgspec.Raw) -> str:
    """Text, or an object with an ``uri``."""
    try:
        return msgspec.json.decode(raw, type=str)
    except UNREADABLE:
        pass
    try:
        return msgspec.json.decode(raw, type=_Source).uri
    except UNREADABLE:
        return ""


def _distinct(words: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word for word in words if word))


def _signer(envelope: _Envelope, body: bytes, keys: Sequence[PublicKey]) -> str:
    """The first of the keys that signed it: a key's id in the envelope is a hint that anybody may write."""
    signed = pae(envelope.payload_type, body)
    for signature in envelope.signatures:
        raw = _decoded(signature.sig)
        for key in keys:
            if key.signed(raw, signed):
                return key.name
    return ""


def _unsigned(envelope: _Envelope, keys: Sequence[PublicKey]) -> str:
    names = ", ".join(key.name for key in keys) or "none"
    hints = ", ".join(one.keyid for one in envelope.signatures if one.keyid)[:200]
    return f"none of the known keys ({names}) signed it" + (f"; it says that {hints} did" if hints else "")
