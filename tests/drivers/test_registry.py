"""The client of registries against one that does what it should not, and what the protocol allows."""

import base64
import threading
from collections.abc import Iterator
from urllib.parse import parse_qs

import httpx2
import pytest

from lockgate.core.errors import ArtifactAltered, ArtifactMissing, ArtifactMistyped, Denied, LockgateError, Unavailable
from lockgate.core.secret import Secret
from lockgate.drivers.logins import Login
from lockgate.drivers.registry import ImageName, Registries, attachments, image_name, payloads
from lockgate.drivers.registry.documents import Descriptor
from lockgate.drivers.registry.tokens import Tokens, challenges
from lockgate.drivers.registry.wire import Answer, Wire
from tests.drivers.images import (
    MANIFEST,
    Asked,
    Hostile,
    Reply,
    configuration,
    digest_of,
    hostile,
    index,
    manifest,
    told,
)

ANN = Login("ann", Secret("s3cret"))
BASIC = "Basic " + base64.b64encode(b"ann:s3cret").decode()
OTHER = "sha256:" + "0" * 64


@pytest.fixture
def registry() -> Iterator[Hostile]:
    with hostile() as one:
        yield one


@pytest.fixture
def elsewhere() -> Iterator[Hostile]:
    """Another host."""
    with hostile() as one:
        yield one


_made: list[Registries] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _made:
        _made.pop().close()


def client(login: Login | None = None, patience: float = 5.0) -> Registries:
    _made.append(Registries(lambda _: login, patience=patience))
    return _made[-1]


def web(registry: Hostile, which: str = ":1") -> ImageName:
    return image_name(f"{registry.host}/shop/web{which}")


# --- what is not right ---


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=404), ArtifactMissing),
        (Reply(status=429), Unavailable),
        (Reply(status=500), Unavailable),
        (Reply(status=503), Unavailable),
        (Reply(status=403), Denied),
        (Reply(status=401), Denied),
        (Reply(status=401, headers={"WWW-Authenticate": "Negotiate"}), Denied),
        (Reply(b"{}", headers={"Docker-Content-Digest": OTHER}), ArtifactAltered),
        (Reply(b"<html>"), ArtifactMistyped),
        (Reply(b'{"schemaVersion": 2, "layers": 7}'), ArtifactMistyped),
        (Reply(b'{"x":' * 100_000), ArtifactMistyped),
        (Reply(b" " * (4 * 1024 * 1024 + 1)), ArtifactMistyped),
        (Reply(b'{"schemaVersion": 2}', length=100), Unavailable),
        (Reply(status=307, headers={"Location": "/v2/shop/web/manifests/1"}), Unavailable),
        (Reply(status=307, headers={"Location": "http://registry.example/"}), Denied),
        (Reply(status=307, headers={"Location": "file:///etc/passwd"}), Denied),
        (Reply(status=307, headers={"Location": "https://[::"}), Unavailable),
    ],
    ids=lambda one: f"{one.status} {one.data[:12]!r} {list(one.headers.values())}" if isinstance(one, Reply) else None,
)
def test_what_is_wrong_is_told_by_its_kind_and_names_the_registry(
    registry: Hostile, reply: Reply, error: type[LockgateError]
) -> None:
    registry.before.append(lambda _: reply)
    with pytest.raises(error) as raised:
        client().manifest(web(registry))
    assert registry.host in str(raised.value)


def test_a_registry_that_is_down_is_unavailable() -> None:
    with hostile() as gone:
        host = gone.host
    with pytest.raises(Unavailable, match=host):
        client().manifest(image_name(f"{host}/shop/web:1"))


def test_a_registry_that_says_nothing_is_unavailable(registry: Hostile) -> None:
    patience = threading.Event()
    registry.before.append(lambda _: Reply(wait=patience))
    with pytest.raises(Unavailable, match="in time"):
        client(patience=0.2).manifest(web(registry))
    patience.set()


def test_a_registry_that_never_comes_to_an_end_is_unavailable(registry: Hostile) -> None:
    registry.before.append(lambda _: Reply(b"{", length=1_000_000, drip=True))
    with pytest.raises(Unavailable, match="in time"):
        client(patience=0.1).manifest(web(registry))


def test_other_bytes_than_the_digest_names_are_refused(registry: Hostile) -> None:
    digest = registry.image()
    registry.before.append(lambda asked: Reply(b'{"schemaVersion": 2}') if "sha256" in asked.path else None)
    with pytest.raises(ArtifactAltered, match=digest):
        client().manifest(web(registry, f"@{digest}"))
    one = Descriptor("text/plain", digest, 1)
    with pytest.raises(ArtifactAltered, match=digest):
        client().blob(web(registry), one, 100)


def test_a_wrong_content_type_and_no_digest_header_are_no_matter(registry: Hostile) -> None:
    digest = registry.image()
    registry.pages["/v2/shop/web/manifests/1"] = Reply(registry.pages[f"/v2/shop/web/manifests/{digest}"].data)
    assert client().manifest(web(registry)).digest == digest


def test_all_kinds_of_manifest_are_accepted(registry: Hostile) -> None:
    registry.image()
    client().manifest(web(registry))
    accepted = registry.asked[0].headers["accept"].split(", ")
    assert len(accepted) == 4
    assert sum("docker" in one for one in accepted) == 2
    assert sum("index" in one or "list" in one for one in accepted) == 2


# --- elsewhere ---


def test_a_blob_elsewhere_is_fetched_without_what_says_who_we_are(registry: Hostile, elsewhere: Hostile) -> None:
    data = b"a blob"
    elsewhere.pages["/bucket/a"] = Reply(data)

    def answer(asked: Asked) -> Reply:
        if asked.headers.get("authorization") != BASIC:
            return Reply(status=401, headers={"WWW-Authenticate": 'Basic realm="r"'})
        return Reply(status=307, headers={"Location": f"http://{elsewhere.host}/bucket/a?signature=x"})

    registry.before.append(answer)
    assert client(ANN).blob(web(registry), Descriptor("x/y", digest_of(data), len(data)), 100) == data
    (asked,) = elsewhere.asked
    assert "authorization" not in asked.headers
    assert asked.query == "signature=x"


def test_a_redirect_within_the_registry_is_signed_in(registry: Hostile) -> None:
    registry.image()
    moved = Reply(status=308, headers={"Location": "/v2/shop/web/manifests/1"})
    registry.before.append(lambda asked: moved if asked.path.endswith("/old") else None)
    registry.before.append(
        lambda asked: (
            None
            if asked.headers.get("authorization") == BASIC
            else Reply(status=401, headers={"WWW-Authenticate": "Basic"})
        )
    )
    assert client(ANN).manifest(web(registry, ":old")).digest


# --- signing in ---


class Doorman:
    """Asks for a bearer token, which another host gives out."""

    def __init__(self, registry: Hostile, elsewhere: Hostile, **granted: str) -> None:
        self.token = "one"
        self.granted = granted
        self.challenge = (
            f'Bearer realm="http://{elsewhere.host}/token?a=b",service="the, service",scope="repository:shop/web:pull"'
        )
        registry.before.append(self.at_the_door)
        elsewhere.before.append(self.grant)

    def at_the_door(self, asked: Asked) -> Reply | None:
        if asked.headers.get("authorization") == f"Bearer {self.token}":
            return None
        return Reply(status=401, headers={"WWW-Authenticate": self.challenge})

    def grant(self, asked: Asked) -> Reply:
        pairs = {"token": self.token, "expires_in": 300} | self.granted
        return Reply(str(pairs).replace("'", '"').encode())


def test_a_bearer_token_is_fetched_once_and_kept(registry: Hostile, elsewhere: Hostile) -> None:
    Doorman(registry, elsewhere)
    digest = registry.image()
    registries = client(ANN)
    assert registries.manifest(web(registry)).digest == registries.manifest(web(registry)).digest == digest
    (asked,) = elsewhere.asked
    assert asked.headers["authorization"] == BASIC
    wanted = {"a": ["b"], "service": ["the, service"], "scope": ["repository:shop/web:pull"]}
    assert parse_qs(asked.query) == wanted


def test_a_token_that_is_not_taken_any_more_is_replaced(registry: Hostile, elsewhere: Hostile) -> None:
    doorman = Doorman(registry, elsewhere)
    registry.image()
    registries = client()
    registries.manifest(web(registry))
    doorman.token = "two"
    registries.manifest(web(registry))
    assert len(elsewhere.asked) == 2
    assert "authorization" not in elsewhere.asked[0].headers


def test_a_token_lasts_as_long_as_it_says_and_a_minute_at_least() -> None:
    image, now = image_name("r.example/web:1"), [100.0]
    answers = iter([b'{"token": "one", "expires_in": 300}', b'{"token": "two", "expires_in": 3}'])
    tokens = Tokens(lambda _: None, lambda _: Answer(200, httpx2.Headers(), next(answers)), lambda: now[0])
    assert tokens.header(image) == ""
    assert tokens.answer(image, ['Bearer realm="https://r.example/t"']) == "Bearer one" == tokens.header(image)
    now[0] += 290
    assert tokens.header(image) == "Bearer one"
    now[0] += 10
    assert tokens.header(image) == ""
    tokens.answer(image, ['Bearer realm="https://r.example/t"'])
    now[0] += 50
    assert tokens.header(image) == "Bearer two"


@pytest.mark.parametrize("token", ["", "s3cret\\r\\nX-More: 1", "s3crét"])
def test_a_token_that_is_none_is_not_shown(registry: Hostile, elsewhere: Hostile, token: str) -> None:
    Doorman(registry, elsewhere, token=token)
    with pytest.raises(Unavailable, match="no token") as raised:
        client().manifest(web(registry))
    assert "s3cr" not in str(raised.value)


def test_plain_http_is_for_loopback_and_for_registries_that_are_named() -> None:
    wire = Wire(plain=["lan.example:5000"])
    for plain in ("127.0.0.1:5000", "127.9.9.9", "localhost:5000", "[::1]:5000", "lan.example:5000"):
        assert wire.url(plain, "/v2/") == f"http://{plain}/v2/"
    for other in ("lan.example", "10.0.0.1:5000", "127.0.0.1.example", "localhost.example", "registry.example:80"):
        assert wire.url(other, "/v2/") == f"https://{other}/v2/"


def test_a_token_may_come_as_an_access_token(registry: Hostile, elsewhere: Hostile) -> None:
    Doorman(registry, elsewhere, token="", access_token="one")
    digest = registry.image()
    assert client().manifest(web(registry)).digest == digest


def test_an_identity_token_is_exchanged(registry: Hostile, elsewhere: Hostile) -> None:
    Doorman(registry, elsewhere)
    registry.image()
    client(Login("", Secret(""), Secret("ident"))).manifest(web(registry))
    (asked,) = elsewhere.asked
    form = parse_qs(asked.body.decode())
    assert (asked.method, form["grant_type"], form["refresh_token"]) == ("POST", ["refresh_token"], ["ident"])
    assert form["service"] == ["the, service"]


def test_a_token_place_that_is_not_safe_gets_no_password(registry: Hostile) -> None:
    challenge = 'Bearer realm="http://token.example/"'
    registry.before.append(lambda _: Reply(status=401, headers={"WWW-Authenticate": challenge}))
    with pytest.raises(Denied, match=r"token\.example"):
        client(ANN).manifest(web(registry))


@pytest.mark.parametrize(
    ("status", "error"), [(401, Denied), (400, Denied), (403, Denied), (500, Unavailable), (429, Unavailable)]
)
def test_a_token_that_is_not_given_is_told(
    registry: Hostile, elsewhere: Hostile, status: int, error: type[LockgateError]
) -> None:
    Doorman(registry, elsewhere)
    elsewhere.before.insert(0, lambda _: Reply(status=status))
    with pytest.raises(error) as raised:
        client(ANN).manifest(web(registry))
    assert registry.host in str(raised.value)
    assert "s3cret" not in repr(raised.value)


def test_whoever_is_not_let_in_is_told_how_to_sign_in(registry: Hostile) -> None:
    registry.before.append(lambda _: Reply(status=401, headers={"WWW-Authenticate": "Basic"}))
    for login in (None, ANN):
        with pytest.raises(Denied) as raised:
            client(login).manifest(web(registry))
        assert f"docker login {registry.host}" in raised.value.mend
        assert "DOCKER_AUTH_CONFIG" in raised.value.mend


def test_several_challenges_in_one_header_are_told_apart() -> None:
    found = challenges('Negotiate, Basic realm="a, Bearer b", Bearer realm="c\\"d",service=e')
    assert [(one.scheme, one.parameters) for one in found] == [
        ("basic", {"realm": "a, Bearer b"}),
        ("bearer", {"realm": 'c"d', "service": "e"}),
    ]


# --- what is attached ---

SIGNATURE = "application/vnd.dev.cosign.simplesigning.v1+json"
REFERRERS = "/v2/shop/web/referrers/"


def attach(registry: Hostile, payload: bytes, kind: str) -> bytes:
    """Returns the manifest of it, which is there."""
    data = manifest(b"{}", [told(payload, kind)], artifactType=kind)
    registry.pages[f"/v2/shop/web/manifests/{digest_of(data)}"] = Reply(data)
    registry.pages[f"/v2/shop/web/blobs/{digest_of(payload)}"] = Reply(payload)
    return data


def test_a_registry_that_knows_referrers_is_asked_page_by_page(registry: Hostile) -> None:
    digest = registry.image()
    one, two = attach(registry, b"one", "text/spdx+json"), attach(registry, b"two", "application/vnd.in-toto+json")
    described = [told(data, MANIFEST, artifactType=kind) for data, kind in ((one, "text/spdx+json"), (two, "x/y"))]
    more = {"Link": f'<{REFERRERS}{digest}?last=1>; rel="next"'}
    pages = {"": Reply(index(described[0]), headers=more), "last=1": Reply(index(described[1]))}
    registry.before.append(lambda asked: pages.get(asked.query) if asked.path == REFERRERS + digest else None)
    found = attachments(client(), web(registry), digest)
    assert [(a.kind, a.digest) for a in found] == [("text/spdx+json", digest_of(one)), ("x/y", digest_of(two))]
    (payload,) = payloads(client(), web(registry), found[0])
    assert (payload.kind, payload.data) == ("text/spdx+json", b"one")


def test_more_pages_are_not_asked_for_elsewhere(registry: Hostile, elsewhere: Hostile) -> None:
    digest = registry.image()
    more = {"Link": f'<http://{elsewhere.host}/next>; rel="next"'}
    registry.pages[REFERRERS + digest] = Reply(index(), headers=more)
    with pytest.raises(Unavailable, match="another address"):
        attachments(client(ANN), web(registry), digest)
    assert elsewhere.asked == []


def test_pages_without_end_are_given_up(registry: Hostile) -> None:
    digest = registry.image()
    more = {"Link": f'<{REFERRERS}{digest}>; rel="next"'}
    registry.pages[REFERRERS + digest] = Reply(index(), headers=more)
    with pytest.raises(Unavailable, match="end"):
        attachments(client(), web(registry), digest)


def test_without_referrers_the_tag_in_their_place_is_read_and_those_of_cosign(registry: Hostile) -> None:
    digest = registry.image()
    tag = "/v2/shop/web/manifests/" + digest.replace(":", "-")
    listed = attach(registry, b"list", "text/spdx+json")
    registry.pages[tag] = Reply(index(told(listed, MANIFEST, artifactType="text/spdx+json")))
    noted = {"dev.cosignproject.cosign/signature": "MEUC"}
    registry.pages[tag + ".sig"] = Reply(manifest(b"{}", [told(b"signed", SIGNATURE, annotations=noted)]))
    registry.pages[f"/v2/shop/web/blobs/{digest_of(b'signed')}"] = Reply(b"signed")
    found = attachments(client(), web(registry), digest)
    assert [(a.kind, a.annotations) for a in found] == [("text/spdx+json", {}), (SIGNATURE, noted)]
    (payload,) = payloads(client(), web(registry), found[1])
    assert (payload.data, payload.annotations) == (b"signed", noted)


def test_a_payload_that_was_changed_is_refused(registry: Hostile) -> None:
    digest = registry.image()
    layer = told(b"signed", SIGNATURE)
    registry.pages["/v2/shop/web/manifests/" + digest.replace(":", "-") + ".sig"] = Reply(
        manifest(configuration(), [layer])
    )
    registry.pages[f"/v2/shop/web/blobs/{digest_of(b'signed')}"] = Reply(b"forged")
    (found,) = attachments(client(), web(registry), digest)
    with pytest.raises(ArtifactAltered):
        payloads(client(), web(registry), found)


def test_a_registry_in_trouble_is_not_one_without_attachments(registry: Hostile) -> None:
    digest = registry.image()
    registry.pages[REFERRERS + digest] = Reply(status=503)
    with pytest.raises(Unavailable):
        attachments(client(), web(registry), digest)


# --- what strangers say ---


def test_a_place_that_a_registry_leads_to_cannot_ask_for_its_login(registry: Hostile, elsewhere: Hostile) -> None:
    trap = f'Bearer realm="http://{elsewhere.host}/token"'
    registry.pages["/v2/shop/web/manifests/1"] = Reply(status=307, headers={"Location": f"http://{elsewhere.host}/x"})
    elsewhere.pages["/x"] = Reply(status=401, headers={"WWW-Authenticate": trap})
    elsewhere.pages["/token"] = Reply(b'{"token": "taken"}')
    with pytest.raises(Denied):
        client(ANN).manifest(web(registry))
    assert [(one.path, one.headers.get("authorization")) for one in elsewhere.asked] == [("/x", None)]


def test_what_a_stranger_calls_itself_is_fit_to_be_shown(registry: Hostile) -> None:
    digest = registry.image()
    listed = told(b"x", MANIFEST, artifactType="text/\x1b[2J")
    registry.pages[REFERRERS + digest] = Reply(index(listed))
    (found,) = attachments(client(), web(registry), digest)
    assert found.kind == "application/octet-stream"


def test_what_a_builder_put_beside_the_images_is_attached(registry: Hostile) -> None:
    statement = told(b"made so", "application/vnd.in-toto+json")
    attested = manifest(configuration(), [statement])
    noted = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": OTHER}
    nowhere = {"os": "unknown", "architecture": "unknown"}
    whole = index(told(attested, MANIFEST, annotations=noted, platform=nowhere))
    registry.pages[f"/v2/shop/web/manifests/{digest_of(attested)}"] = Reply(attested)
    registry.pages[f"/v2/shop/web/manifests/{digest_of(whole)}"] = Reply(whole)
    registry.pages[f"/v2/shop/web/blobs/{digest_of(b'made so')}"] = Reply(b"made so")
    (found,) = attachments(client(), web(registry), digest_of(whole))
    assert (found.kind, found.annotations) == ("application/vnd.in-toto+json", noted)
    (payload,) = payloads(client(), web(registry), found)
    assert payload.data == b"made so"
