"""A Prometheus server for tests, from Debian's package, and something for it to scrape: on loopback, with a data folder
of its own."""

import http.client
import http.server
import json
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lockgate.core.errors import ComponentMissing
from lockgate.testing.installation import free_ports

INTERVAL = "250ms"
"""Between two scrapes."""
STARTS_WITHIN = 30.0


@dataclass
class PrometheusServer:
    """A context manager. Raises ComponentMissing where there is none to start."""

    targets: Sequence[str]
    """What it scrapes, as ``host:port``."""
    folder: Path = field(default_factory=lambda: Path(tempfile.mkdtemp(prefix="lockgate-prometheus-")))
    address: str = ""
    """``host:port``."""
    process: "subprocess.Popen[bytes] | None" = None

    def __enter__(self) -> "PrometheusServer":
        binary = shutil.which("prometheus")
        if binary is None:
            raise ComponentMissing("There is no Prometheus on this machine.", "Install Debian's prometheus.")
        (port,) = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        # Found by files, targets would be five seconds late.
        scrapes = [{"job_name": "test", "static_configs": [{"targets": list(self.targets)}]}]
        settings = {"global": {"scrape_interval": INTERVAL, "scrape_timeout": INTERVAL}, "scrape_configs": scrapes}
        (self.folder / "prometheus.yml").write_text(json.dumps(settings))
        words = [binary, f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data"]
        words += [f"--web.listen-address={self.address}"]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        self._wait()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def url(self) -> str:
        return f"http://{self.address}"

    def value(self, query: str) -> float | None:
        """Of the first series now; None: there is none."""
        connection = http.client.HTTPConnection(self.address, timeout=10)
        try:
            connection.request("GET", f"/api/v1/query?query={query}")
            found = json.loads(connection.getresponse().read())["data"]["result"]
        finally:
            connection.close()
        return float(found[0]["value"][1]) if found else None

    def _wait(self) -> None:
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._ready():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                words = (self.folder / "log").read_text(errors="replace")[-1500:]
                self.__exit__()
                raise ComponentMissing(f"Prometheus does not start: {words}")
            time.sleep(0.02)

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection(self.address, timeout=5)
        try:
            connection.request("GET", "/-/ready")
            return connection.getresponse().status == 200
        except OSError:
            return False
        finally:
            connection.close()


class Page:
    """A context manager: an HTTP server that answers every GET with the same page, until it is told another."""

    def __init__(self, text: str = "", status: int = 200) -> None:
        self.text, self.status = text, status
        self.asked: list[tuple[str, dict[str, str]]] = []
        """Path and headers of each request."""
        page = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                page.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
                body = page.text.encode()
                self.send_response(page.status)
                self.send_header("content-type", "text/plain; version=0.0.4")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                return

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def address(self) -> str:
        """``host:port``."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Page":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
