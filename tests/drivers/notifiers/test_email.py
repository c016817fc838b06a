"""E-mail to a real SMTP server on loopback: TLS, signing in, headers that nothing gets into, refusals."""

import asyncio
import smtplib
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as POLICY
from typing import Any

import pytest

pytest.importorskip("aiosmtpd")

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

from lockgate.core.errors import Denied, LockgateError, Unavailable, Undeliverable
from lockgate.core.message import Link, Message
from lockgate.core.notification import Channel, Service
from lockgate.drivers.destinations import Destinations
from lockgate.drivers.notifiers.email import EmailNotifier, mail_of
from lockgate.ports import Parcel
from lockgate.testing.installation import free_ports
from tests.drivers.notifiers.conftest import NOW, Keeper

MESSAGE = Message(
    "shop 2 (#3) in prod has failed", ("GET / answered 500: Grüße",), (Link("Open", "https://x/y"),), thread="dep-7"
)


@dataclass
class Post:
    """What the server got, and how it answers."""

    mails: list[tuple[str, list[str], bytes]] = field(default_factory=list)
    logins: list[tuple[bytes, bytes]] = field(default_factory=list)
    tls: list[bool] = field(default_factory=list)
    answer: str = "250 OK"
    refused: dict[str, str] = field(default_factory=dict)
    port: int = 0

    def mail(self, number: int = -1) -> EmailMessage:
        return message_from_bytes(self.mails[number][2], policy=POLICY)  # type: ignore[return-value]

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.tls.append(session.ssl is not None or server.transport.get_extra_info("sslcontext") is not None)
        if self.answer.startswith("250"):
            self.mails.append((envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        return self.answer

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: LoginPassword) -> AuthResult:
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"right", handled=False)


class Server:
    """An SMTP server in a thread of its own."""

    def __init__(self, post: Post, tls: ssl.SSLContext | None, implicit: bool) -> None:
        self.post, self.tls, self.implicit = post, tls, implicit
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def _made(self) -> SMTP:
        starttls = None if self.implicit else self.tls
        sign_in = {"authenticator": self.post.authenticate, "auth_require_tls": False}
        return SMTP(self.post, hostname="mail.test", tls_context=starttls, loop=self.loop, **sign_in)

    def __enter__(self) -> Post:
        self.thread.start()
        wrapped = self.tls if self.implicit else None
        making = self.loop.create_server(self._made, "127.0.0.1", 0, ssl=wrapped)
        self.server = asyncio.run_coroutine_threadsafe(making, self.loop).result(10)
        self.post.port = self.server.sockets[0].getsockname()[1]
        return self.post

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self.server.close()
            await asyncio.sleep(0.05)
            for task in asyncio.all_tasks():
                if task is not asyncio.current_task():
                    task.cancel()
            await asyncio.sleep(0.05)

        asyncio.run_coroutine_threadsafe(end(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()


@pytest.fixture
def plain() -> Iterator[Post]:
    with Server(Post(), None, False) as post:
        yield post


@pytest.fixture
def starttls(served: ssl.SSLContext) -> Iterator[Post]:
    with Server(Post(), served, False) as post:
        yield post


@pytest.fixture
def implicit(served: ssl.SSLContext) -> Iterator[Post]:
    with Server(Post(), served, True) as post:
        yield post


def channel(keeper: Keeper, post: Post, host: str = "127.0.0.1", **settings: str) -> Channel:
    given = {"smtp": f"{host}:{post.port}", "from": "lockgate@example.org", "tls": "none", **settings}
    secrets = {"password": settings.pop("password")} if "password" in settings else {}
    given.pop("password", None)
    return keeper.channel(Service.EMAIL, secrets, given, ("team@example.org", "ann@example.org"))


def send(keeper: Keeper, to: Channel, parcel: Parcel | None = None, context: ssl.SSLContext | None = None) -> str:
    notifier = EmailNotifier(Destinations(), keeper, context, patience=5.0)
    return notifier.send(to, parcel or Parcel("ntf-41-mail-0123456789ab", MESSAGE, NOW))


def test_a_mail_arrives(keeper: Keeper, plain: Post) -> None:
    assert send(keeper, channel(keeper, plain)) == ""
    sender, recipients, _ = plain.mails[0]
    assert (sender, recipients) == ("lockgate@example.org", ["team@example.org", "ann@example.org"])
    mail = plain.mail()
    assert mail["Subject"] == MESSAGE.title and mail["To"] == "team@example.org, ann@example.org"
    assert mail["Message-ID"] == "<ntf-41-mail-0123456789ab@example.org>"
    assert mail["References"] == "<dep-7.lockgate@example.org>" and mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content().split() == ["GET", "/", "answered", "500:", "Grüße", "Open:", "https://x/y"]


def test_one_that_is_sent_again_is_the_same_mail_to_whoever_looks_at_its_id(keeper: Keeper, plain: Post) -> None:
    for _ in range(2):
        send(keeper, channel(keeper, plain))
    assert plain.mail(0)["Message-ID"] == plain.mail(1)["Message-ID"]


def test_a_message_for_one_person_goes_to_nobody_else(keeper: Keeper, plain: Post) -> None:
    send(keeper, channel(keeper, plain), Parcel("ntf-1", MESSAGE, NOW, ("bob@example.org",)))
    assert plain.mails[0][1] == ["bob@example.org"] and plain.mail()["To"] == "bob@example.org"


@pytest.mark.parametrize("breaks", ["\n", "\r\n", "\r", "\x00", "\u2028", "\x85", "\x0b"])
def test_nothing_gets_into_the_headers_by_a_name(keeper: Keeper, plain: Post, breaks: str) -> None:
    evil = f"shop{breaks}Bcc: victim@example.org{breaks}{breaks}Body"
    message = Message(evil, (f".{breaks}.{breaks}RCPT TO:<victim@example.org>",), thread=evil)
    send(keeper, channel(keeper, plain), Parcel(evil, message, NOW))
    mail = plain.mail()
    assert mail["Bcc"] is None and "victim@example.org" in mail["Subject"]
    assert plain.mails[0][1] == ["team@example.org", "ann@example.org"] and len(plain.mails) == 1


# --- TLS and signing in ---


def test_starttls_comes_before_anything_is_said(
    keeper: Keeper, starttls: Post, trusted: ssl.SSLContext, names: dict[str, list[str]]
) -> None:
    names["hooks.example"] = ["127.0.0.1"]
    to = channel(keeper, starttls, "hooks.example", tls="starttls", user="lockgate", password="right")
    send(keeper, to, context=trusted)
    assert starttls.tls == [True] and starttls.logins == [(b"lockgate", b"right")]


def test_implicit_tls(keeper: Keeper, implicit: Post, trusted: ssl.SSLContext, names: dict[str, list[str]]) -> None:
    names["hooks.example"] = ["127.0.0.1"]
    send(keeper, channel(keeper, implicit, "hooks.example", tls="implicit"), context=trusted)
    assert implicit.tls == [True]


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_another_ones_certificate_is_not_taken(
    keeper: Keeper, request: pytest.FixtureRequest, trusted: ssl.SSLContext, names: dict[str, list[str]], tls: str
) -> None:
    names["other.example"] = ["127.0.0.1"]
    post = request.getfixturevalue(tls)
    with pytest.raises(Unavailable, match="certificate that this machine does not trust"):
        send(keeper, channel(keeper, post, "other.example", tls=tls, user="u", password="right"), context=trusted)
    assert post.logins == [] and post.mails == []


def test_a_server_without_tls_is_told_nothing_unless_the_channel_says_so(keeper: Keeper, plain: Post) -> None:
    with pytest.raises(Undeliverable, match="offers no TLS"):
        send(keeper, channel(keeper, plain, tls="starttls", user="u", password="right"))
    assert plain.logins == [] and plain.mails == []


def test_without_a_word_it_is_starttls(keeper: Keeper, plain: Post) -> None:
    to = channel(keeper, plain)
    del to.settings["tls"]  # type: ignore[attr-defined]
    with pytest.raises(Undeliverable, match="offers no TLS"):
        send(keeper, to)


def test_a_wrong_password_is_refused_and_not_told(keeper: Keeper, plain: Post) -> None:
    with pytest.raises(Undeliverable, match="535") as raised:
        send(keeper, channel(keeper, plain, user="lockgate", password="wrong-one"))
    assert "wrong-one" not in str(raised.value) and plain.mails == []


# --- answers ---


@pytest.mark.parametrize(
    ("answer", "kind"),
    [("451 Try again", Unavailable), ("452 Full", Unavailable), ("550 No", Undeliverable), ("554 Spam", Undeliverable)],
)
def test_4xx_may_pass_and_5xx_will_not(keeper: Keeper, plain: Post, answer: str, kind: type[LockgateError]) -> None:
    plain.answer = answer
    with pytest.raises(kind, match=answer.split()[0]) as raised:
        send(keeper, channel(keeper, plain))
    assert type(raised.value) is kind


def test_one_recipient_that_is_refused_is_told_and_the_others_get_it(keeper: Keeper, plain: Post) -> None:
    plain.refused = {"ann@example.org": "550 Unknown"}
    assert send(keeper, channel(keeper, plain)) == "Refused for ann@example.org."
    assert plain.mails[0][1] == ["team@example.org"]


@pytest.mark.parametrize(("code", "kind"), [("450", Unavailable), ("550", Undeliverable)])
def test_when_every_recipient_is_refused_it_is_not_sent(
    keeper: Keeper, plain: Post, code: str, kind: type[LockgateError]
) -> None:
    plain.refused = dict.fromkeys(("ann@example.org", "team@example.org"), f"{code} Not now")
    with pytest.raises(kind, match="refuses every recipient"):
        send(keeper, channel(keeper, plain))


def test_nobody_there_may_be_there_later(keeper: Keeper) -> None:
    with pytest.raises(Unavailable, match="does not answer"):
        send(keeper, channel(keeper, Post(port=free_ports(1)[0])))


def test_metadata_addresses_are_refused(keeper: Keeper) -> None:
    with pytest.raises(Denied):
        send(keeper, channel(keeper, Post(port=25), "169.254.169.254"))


def test_what_is_no_address_is_refused(keeper: Keeper, plain: Post) -> None:
    with pytest.raises(Undeliverable, match="could not be written"):
        send(keeper, channel(keeper, plain), Parcel("ntf-1", MESSAGE, NOW, ("not an address",)))


def test_smtplib_still_lets_us_choose_the_socket() -> None:
    assert callable(smtplib.SMTP._get_socket)  # type: ignore[attr-defined]


def test_an_id_has_only_what_an_id_may_have(keeper: Keeper) -> None:
    mail = mail_of(channel(keeper, Post(port=25)), Parcel("ntf <evil>\r\n@", MESSAGE, NOW))
    assert mail["Message-ID"] == "<ntf__evil____@example.org>"
