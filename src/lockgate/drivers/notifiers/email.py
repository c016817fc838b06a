"""E-mail by SMTP. TLS unless the channel says ``none``: at once (``implicit``), or before anything is said
(``starttls``); a server that does not offer it is told nothing.

The same parcel has the same Message-ID, and what tells of one deployment is one thread.
"""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from lockgate.core.errors import LockgateError, Unavailable, Undeliverable
from lockgate.core.message import one_line, plain_text
from lockgate.core.notification import Channel
from lockgate.drivers.destinations import Destinations
from lockgate.drivers.posting import PATIENCE, Reveal
from lockgate.ports import Parcel

IMPLICIT_PORT = 465
SUBJECT = 180
"""Characters."""


class EmailNotifier:
    """:class:`lockgate.ports.Notifier` for e-mail. ``context``: who is trusted; None: whom the system trusts."""

    def __init__(
        self,
        destinations: Destinations,
        reveal: Reveal,
        context: ssl.SSLContext | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._destinations = destinations
        self._reveal = reveal
        self._context = context
        self._patience = patience

    def send(self, channel: Channel, parcel: Parcel) -> str:
        to = list(parcel.recipients or channel.recipients)
        password = channel.secret("password")
        secret = self._reveal(password).reveal() if password else ""
        try:
            mail = mail_of(channel, parcel)
            with self._session(channel) as session:
                if "user" in channel.settings:
                    session.login(channel.settings["user"], secret)
                refused = session.send_message(mail, channel.settings["from"], to)
        except LockgateError:
            raise
        except (smtplib.SMTPException, OSError, ValueError, MessageError) as error:
            raise _translated(error, channel) from None
        return f"Refused for {', '.join(refused)}." if refused else ""

    def _session(self, channel: Channel) -> smtplib.SMTP:
        """Connected, and over TLS where that is asked for."""
        host, _, port = channel.settings["smtp"].rpartition(":")
        tls = channel.settings.get("tls") or ("implicit" if int(port) == IMPLICIT_PORT else "starttls")
        context = self._context or ssl.create_default_context()
        session = _Session(self._destinations, context if tls == "implicit" else None, self._patience)
        try:
            session.connect(host.strip("[]"), int(port))
            if tls == "starttls":
                _upgrade(session, context, channel)
        except BaseException:
            session.close()
            raise
        return session


class _Session(smtplib.SMTP):
    """Over a socket to an address that is allowed."""

    def __init__(self, destinations: Destinations, context: ssl.SSLContext | None, patience: float) -> None:
        self._destinations = destinations
        self._tls = context
        super().__init__(timeout=patience)

    def connect(self, host: str = "localhost", port: int = 0, source_address: object = None) -> tuple[int, bytes]:
        self._host = host  # whose certificate is asked for
        return super().connect(host, port)

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        plain = self._destinations.connect(host, port, timeout)
        return self._tls.wrap_socket(plain, server_hostname=host) if self._tls else plain


def _upgrade(session: smtplib.SMTP, context: ssl.SSLContext, channel: Channel) -> None:
    session.ehlo()
    if not session.has_extn("starttls"):
        because = f"{channel.settings['smtp']} offers no TLS, so nothing was told to it."
        raise Undeliverable(because, "Write `tls: none` in the channel if it may be spoken to in clear.")
    session.starttls(context=context)


def mail_of(channel: Channel, parcel: Parcel) -> EmailMessage:
    """Headers are single lines of text, whatever the message holds."""
    message, domain = parcel.message, channel.settings["from"].rpartition("@")[2] or "lockgate"
    mail = EmailMessage(policy=SMTP)
    mail["From"] = Address("Lockgate", addr_spec=channel.settings["from"])
    mail["To"] = _addresses(parcel.recipients or channel.recipients)
    mail["Subject"] = one_line(message.title, SUBJECT)
    mail["Date"] = format_datetime(datetime.fromtimestamp(parcel.sent_at, UTC))
    mail["Message-ID"] = f"<{_token(parcel.id)}@{domain}>"
    if message.thread:
        mail["References"] = f"<{_token(message.thread)}.lockgate@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(plain_text(message) + "\n")
    return mail


def _addresses(texts: Sequence[str]) -> list[Address]:
    return [Address(addr_spec=text) for text in texts]


def _token(text: str) -> str:
    """Of what may stand in an id."""
    return "".join(letter if letter.isascii() and (letter.isalnum() or letter in "-._") else "_" for letter in text)


def _translated(error: Exception, channel: Channel) -> LockgateError:
    """SMTP's codes say it themselves: 4xx may pass, 5xx will not."""
    server = channel.settings["smtp"]
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = {code for code, _ in error.recipients.values()}
        because = f"{server} refuses every recipient ({', '.join(sorted(error.recipients))})."
        return Unavailable(because) if any(400 <= code < 500 for code in codes) else Undeliverable(because)
    if isinstance(error, smtplib.SMTPResponseException):
        words = one_line(
            error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else str(error.smtp_error)
        )
        because = f"{server} answers {error.smtp_code}: {words}."
        return Undeliverable(because) if error.smtp_code >= 500 else Unavailable(because)
    if isinstance(error, ssl.SSLCertVerificationError):
        because = f"{server} shows a certificate that this machine does not trust: {error.verify_message}."
        return Unavailable(because, "Have it shown a valid one, or add its authority to the system's.")
    if isinstance(error, smtplib.SMTPNotSupportedError):
        return Undeliverable(f"{server} cannot do what the channel asks for: {error}.")
    if isinstance(error, (ValueError, MessageError)):
        return Undeliverable(f"The mail could not be written: {error}.", "Look at its addresses.")
    return Unavailable(f"{server} could not be spoken to ({type(error).__name__}: {error}).")
