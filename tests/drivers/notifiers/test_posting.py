"""Posting to an address that is a secret: what answers mean, where nothing is sent, and what is never told."""

import ssl
import time
from email.utils import formatdate

import pytest

from lockgate.core.errors import Denied, LockgateError, Throttled, Unavailable, Undeliverable
from lockgate.drivers.destinations import Destinations, is_refused
from lockgate.drivers.posting import Poster
from lockgate.testing.installation import free_ports
from lockgate.testing.web_sink import Received, Reply, WebSink
from tests.drivers.notifiers.conftest import NOW


def post(url: str, poster: Poster | None = None) -> str:
    return (poster or Poster()).post(url, b"{}", {"content-type": "application/json"}, NOW).text


def test_what_is_sent_arrives_with_the_name_as_host(sink: WebSink, names: dict[str, list[str]]) -> None:
    names["hooks.example"] = ["127.0.0.1"]
    assert post(f"http://hooks.example:{sink.port}/a?b=c") == "ok"
    (got,) = sink.received
    assert (got.path, got.body, got.headers["host"]) == ("/a?b=c", b"{}", f"hooks.example:{sink.port}")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        *((status, Unavailable) for status in (408, 425, 500, 502, 503, 504, 599)),
        (429, Throttled),
        *((status, Undeliverable) for status in (400, 401, 403, 404, 405, 410, 413, 422)),
        *((status, Undeliverable) for status in (301, 302, 307, 308)),
    ],
)
def test_a_bad_answer_is_one_to_try_again_or_one_that_stays(
    sink: WebSink, status: int, kind: type[LockgateError]
) -> None:
    sink.reply = Reply(status, "channel_not_found\nsorry")
    with pytest.raises(kind) as raised:
        post(sink.url)
    assert type(raised.value) is kind
    assert "secret-path" not in str(raised.value)
    assert str(status) in str(raised.value) or 300 <= status < 400


@pytest.mark.parametrize(
    ("text", "seconds"), [("30", 30.0), (formatdate(NOW + 90, usegmt=True), 90.0), ("soon", 0.0), ("-5", 0.0)]
)
def test_what_the_other_side_wishes_is_heeded(sink: WebSink, text: str, seconds: float) -> None:
    sink.reply = Reply(429, headers={"Retry-After": text})
    with pytest.raises(Throttled) as raised:
        post(sink.url)
    assert raised.value.after == seconds


def test_a_503_may_wish_too(sink: WebSink) -> None:
    sink.reply = Reply(503, headers={"Retry-After": "7"})
    with pytest.raises(Throttled) as raised:
        post(sink.url)
    assert raised.value.after == 7


def test_it_is_not_sent_on_to_where_an_answer_sends(sink: WebSink) -> None:
    with WebSink() as other:
        sink.reply = Reply(307, headers={"Location": other.url})
        with pytest.raises(Undeliverable, match=r"sends on to 127\.0\.0\.1"):
            post(sink.url)
        assert other.received == []


def test_one_that_hangs_is_given_up(sink: WebSink) -> None:
    sink.reply = Reply(hangs=5.0)
    with pytest.raises(Unavailable, match="did not answer in time"):
        post(sink.url, Poster(patience=0.2))


def test_one_that_goes_on_for_ever_is_cut_off(sink: WebSink) -> None:
    sink.reply = Reply(body="x" * 5_000_000)
    assert len(post(sink.url)) <= 200


def test_an_answer_moves_no_cursor(sink: WebSink) -> None:
    sink.reply = Reply(400, "no\x1b[2J\x9b2J\r\u202egnp.exe")
    with pytest.raises(Undeliverable) as raised:
        post(sink.url)
    assert not set(str(raised.value)) & {"\x1b", "\x9b", "\r", "\u202e"}


def test_nobody_there_may_be_there_later() -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1 could not be reached"):
        post(f"http://127.0.0.1:{free_ports(1)[0]}/secret-path")


def test_a_name_that_nobody_knows_may_be_known_later() -> None:
    with pytest.raises(Unavailable, match="cannot be looked up"):
        post("http://nobody.invalid/secret-path")


@pytest.mark.parametrize(
    "url", ["", "hooks.example/x", "ftp://hooks.example/x", "https://", "http://[::1/x", "file:///etc/passwd"]
)
def test_what_is_no_address_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(Undeliverable) as raised:
        post(url)
    assert "hooks.example" not in str(raised.value)


def test_the_next_address_of_a_name_is_tried(sink: WebSink, names: dict[str, list[str]]) -> None:
    names["hooks.example"] = ["127.0.0.2", "127.0.0.1"]
    assert post(f"http://hooks.example:{sink.port}/x") == "ok"


# --- TLS ---


def test_the_certificate_must_be_that_of_the_name(
    served: ssl.SSLContext, trusted: ssl.SSLContext, names: dict[str, list[str]]
) -> None:
    names.update({"hooks.example": ["127.0.0.1"], "other.example": ["127.0.0.1"]})
    poster = Poster(context=trusted)
    with WebSink(tls=served) as sink:
        assert post(f"https://hooks.example:{sink.port}/x", poster) == "ok"
        for _ in range(2):
            with pytest.raises(Unavailable, match="certificate that this machine does not trust"):
                post(f"https://other.example:{sink.port}/x", poster)
        with pytest.raises(Unavailable, match="certificate"):
            post(f"https://hooks.example:{sink.port}/x", Poster())
        assert len(sink.received) == 1


# --- where nothing is sent ---


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fe80::1%lo",
        "::ffff:169.254.169.254",
        "2002:a9fe:a9fe::1",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "100.100.100.200",
        "168.63.129.16",
    ],
)
def test_link_local_and_metadata_addresses_are_refused(address: str) -> None:
    assert is_refused(address)


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.5", "192.168.1.1", "93.184.216.34", "2606:2800::1"])
def test_others_are_not(address: str) -> None:
    assert not is_refused(address)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://2852039166/latest",
        "http://0xa9fea9fe/latest",
        "http://[::ffff:169.254.169.254]/latest",
        "http://[fe80::1]/",
        "http://metadata.google.internal/",
        "http://METADATA.google.internal./",
    ],
)
def test_nothing_is_sent_to_them_however_they_are_written(url: str) -> None:
    with pytest.raises(Denied, match="link-local or metadata"):
        post(url)


def test_a_name_that_stands_for_one_of_them_is_refused_also_among_others(names: dict[str, list[str]]) -> None:
    names["hooks.example"] = ["127.0.0.1", "169.254.169.254"]
    with pytest.raises(Denied):
        post("http://hooks.example/x")


def test_a_name_is_looked_up_once_so_that_it_cannot_change_meanwhile(
    sink: WebSink, monkeypatch: pytest.MonkeyPatch
) -> None:
    import socket

    asked = socket.getaddrinfo
    answers = iter(["127.0.0.1", "169.254.169.254", "169.254.169.254"])

    def look_up(host: str, *more: object, **named: object) -> object:
        return asked(next(answers) if host == "hooks.example" else host, *more, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    assert post(f"http://hooks.example:{sink.port}/x") == "ok"
    assert next(answers) == "169.254.169.254"


def test_the_servers_owner_may_allow_it(names: dict[str, list[str]]) -> None:
    names["metadata.google.internal"] = ["127.0.0.1"]
    assert Destinations(everything=True).addresses("metadata.google.internal", 80) == ("127.0.0.1",)


def test_by_a_proxy_the_name_is_sent_and_metadata_names_are_not(sink: WebSink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{sink.port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert post("http://hooks.invalid/x") == "ok"
    assert sink.received[0].headers["host"] == "hooks.invalid"
    for url in ("http://metadata.google.internal/x", "http://169.254.169.254/x", "http://0xa9fea9fe/x"):
        with pytest.raises(Denied):
            post(url)
    assert len(sink.received) == 1


def test_a_proxy_that_does_not_answer_may_answer_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_ports(1)[0]}")
    with pytest.raises(Unavailable, match=r"hooks\.invalid could not be reached"):
        post("http://hooks.invalid/secret-path")


def test_what_needs_no_proxy_goes_straight_and_is_checked(
    sink: WebSink, monkeypatch: pytest.MonkeyPatch, names: dict[str, list[str]]
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "hooks.example,evil.example")
    names.update({"hooks.example": ["127.0.0.1"], "evil.example": ["169.254.169.254"]})
    assert post(f"http://hooks.example:{sink.port}/x") == "ok"
    with pytest.raises(Denied):
        post("http://evil.example/x")


def test_many_threads_share_a_poster(sink: WebSink) -> None:
    import threading

    def slowly(request: Received) -> Reply:
        time.sleep(0.01)
        return Reply()

    sink.reply = slowly
    poster = Poster()
    threads = [threading.Thread(target=post, args=(sink.url, poster)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(sink.received) == 16
