"""Redactor: every secret that this process has had in its hands, and their removal from all that it says or writes."""

import logging
import sys
import threading
import time
from bisect import insort

from lockgate.core.secret import Secret
from lockgate.drivers.disguises import disguises
from lockgate.drivers.redaction import MASK, Redaction

log = logging.getLogger("lockgate")


class Redactor:
    """One for each process. Safe to use from many threads; what is added counts at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._secrets: dict[str, None] = {}
        self._forms: tuple[str, ...] = ()
        self._redaction = Redaction(())
        self._behind = False

    def add(self, secret: Secret) -> None:
        text = secret.reveal()
        if text in self._secrets:
            return
        with self._lock:
            forms = list(self._forms)
            for form in {*disguises(text)}:
                insort(forms, form, key=_longest_first)
            self._forms = tuple(forms)
            self._secrets[text] = None
            self._behind = True

    def masked(self, text: str) -> str:
        """With ``***`` for each. The longest goes first, so that none leaves a part of another behind."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK.decode())
        return text

    def redaction(self) -> Redaction:
        """For what is read in pieces."""
        if self._behind:
            with self._lock:
                self._redaction, self._behind = Redaction(self._secrets), False
        return self._redaction


def _longest_first(form: str) -> tuple[int, str]:
    return -len(form), form


class RedactingFormatter(logging.Formatter):
    """A line of the log, with its traceback if there is one."""

    def __init__(self, redactor: Redactor, form: str) -> None:
        super().__init__(form)
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        return self._redactor.masked(super().format(record))


def log_to_stderr(level: str, redactor: Redactor) -> None:
    """What this process logs, and what it ends by."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(RedactingFormatter(redactor, "%(asctime)s %(levelname)s %(name)s: %(message)s"))
    sys.excepthook = lambda kind, fault, _: log.critical("the server ends by a fault", exc_info=fault)
    logging.basicConfig(level=level.upper(), handlers=[handler])
    threading.excepthook = lambda fault: log.error(
        "the thread %s ended by a fault", fault.thread and fault.thread.name, exc_info=fault.exc_value
    )
    logging.Formatter.converter = time.gmtime
    for chatty in ("httpx2", "httpcore2", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
