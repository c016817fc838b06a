"""An engine by SSH: a socket of this machine, each connection to which goes on to the engine's own.

The user's ``ssh`` does that, with the user's settings and keys, as Docker's command line does it: ``docker system
dial-stdio`` runs on the other side. It must be able to sign in without asking anybody.
"""

import contextlib
import shutil
import socket
import subprocess
import tempfile
import threading
from pathlib import Path
from urllib.parse import urlsplit

WITHIN = 5
"""Seconds to sign in."""


class Tunnel:
    """To ``ssh://user@host:port``. Opened when it is first asked for."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        user = ("-l", parts.username) if parts.username else ()
        port = ("-p", str(parts.port)) if parts.port else ()
        options = ("-T", "-o", "BatchMode=yes", "-o", f"ConnectTimeout={WITHIN}")
        self._words = ("ssh", *options, *user, *port, "--", parts.hostname or "", "docker system dial-stdio")
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._ear: socket.socket | None = None
        self._running: list[subprocess.Popen[bytes]] = []

    def url(self) -> str:
        """Of the socket here. Raises ``OSError``."""
        with self._lock:
            if self._folder is None:
                self._open()
            return f"unix://{self._folder}/s"

    def said(self) -> str:
        """What ``ssh`` complained of last."""
        with contextlib.suppress(OSError):
            if self._folder is not None:
                return (self._folder / "said").read_text(errors="replace").strip().rpartition("\n")[2]
        return ""

    def close(self) -> None:
        with self._lock:
            if self._folder is None or self._ear is None:
                return
            folder, self._folder = self._folder, None
            # Whoever accepts wakes up by this, and by nothing else.
            self._ear.shutdown(socket.SHUT_RDWR)
            self._ear.close()
        for process in self._running:
            process.kill()
            process.wait()
        self._running.clear()
        shutil.rmtree(folder, ignore_errors=True)

    def _open(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="lockgate-ssh-"))
        self._ear = socket.socket(socket.AF_UNIX)
        self._ear.bind(str(folder / "s"))
        self._ear.listen()
        self._folder = folder
        threading.Thread(target=self._accept, args=(self._ear, folder), name="ssh", daemon=True).start()

    def _accept(self, ear: socket.socket, folder: Path) -> None:
        while True:
            try:
                connection, _ = ear.accept()
            except OSError:
                return
            self._running = [process for process in self._running if process.poll() is None]
            with connection, contextlib.suppress(OSError), (folder / "said").open("wb") as said:
                process = subprocess.Popen(
                    self._words,
                    stdin=connection.fileno(),
                    stdout=connection.fileno(),
                    stderr=said,
                    start_new_session=True,
                )
                self._running.append(process)
