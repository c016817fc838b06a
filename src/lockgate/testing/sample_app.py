"""A small web application to deploy in tests: starts in some 20 ms, and misbehaves on request.

``python -I -S sample_app.py --port 8000 [--version 1] [--start-delay 0.2] [--health 200] [--status 200]
[--die-after 1] [--exit 7] [--ignore-term] [--children 2] [--eat 300]`` (MiB of memory) ``[--fail 0.05]
[--slow 0.1] [--slow-by 0.1]`` (shares of the requests, but for health and version; seconds). Paths: ``/health``,
``/version``, ``/slow?s=1.5``, ``/sse?s=3`` (an event each 0.1 s), ``/pid``, ``/env?name=X``, ``/file?path=X``,
``/crash``, ``/become?health=503`` (changes an option), ``POST /echo``; everything else answers ``--status``.

HTTP by hand over ``socket``: the standard library's server alone takes 50 ms to import.
"""

import os
import signal
import socket
import sys
import threading
import time
from _thread import start_new_thread
from collections.abc import Callable

REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 500: "Internal Server Error", 503: "Service Unavailable"}
Options = dict[str, str]


def main(words: list[str]) -> None:
    """Runs until it is killed."""
    options = _options(words)
    _set_up_signals(options)
    _fork_children(int(options.get("children", "0")))
    time.sleep(float(options.get("start-delay", "0")))
    options["eaten"] = "x" * (int(options.get("eat", "0")) << 20)
    if "exit" in options:
        _say(f"sample: told to end with {options['exit']}")
        os._exit(int(options["exit"]))
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((options.get("host", "127.0.0.1"), int(options["port"])))
    listener.listen(512)
    _say(f"sample {options.get('version', '1')} listens on {options['port']}")
    if "die-after" in options:
        timer = threading.Timer(float(options["die-after"]), os._exit, (3,))
        timer.daemon = True
        timer.start()
    while True:
        connection, _ = listener.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start_new_thread(_serve, (connection, options))


def _options(words: list[str]) -> Options:
    """``--name value`` and ``--name`` alone."""
    options: Options = {}
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        if word.startswith("--"):
            options[word[2:]] = "" if following.startswith("--") else following
    return options


def _set_up_signals(options: Options) -> None:
    if "ignore-term" in options:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    else:
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))


def _fork_children(count: int) -> None:
    """Each in a session of its own, where killing the process group does not reach."""
    for _ in range(count):
        if os.fork() == 0:
            os.setsid()
            time.sleep(3600)
            os._exit(0)


def _serve(connection: socket.socket, options: Options) -> None:
    """One connection, with keep-alive."""
    try:
        with connection, connection.makefile("rb") as reader:
            while _answer(connection, reader.readline, reader.read, options):
                pass
    except OSError:
        return


def _answer(
    connection: socket.socket, line: Callable[[], bytes], read: Callable[[int], bytes], options: Options
) -> bool:
    """One request. False: the connection is over."""
    words = line().decode().split()
    if len(words) < 3:
        return False
    headers = {}
    while header := line().decode().strip():
        name, _, value = header.partition(":")
        headers[name.strip().lower()] = value.strip()
    body = read(int(headers.get("content-length", "0")))
    path, _, query = words[1].partition("?")
    arguments = dict(pair.split("=", 1) for pair in query.split("&") if "=" in pair)
    if path == "/sse":
        _stream(connection, float(arguments.get("s", "3")))
        return False
    status, answer = _content(words[0], path, arguments, body, options)
    if path not in ("/health", "/version"):
        status = 500 if _hits(options, "fail") else status
        time.sleep(float(options.get("slow-by", "0.1")) if _hits(options, "slow") else 0)
    keep = headers.get("connection", "").lower() != "close"
    head = f"HTTP/1.1 {status} {REASONS.get(status, 'Other')}\r\nContent-Type: text/plain\r\n"
    head += f"Content-Length: {len(answer)}\r\nConnection: {'keep-alive' if keep else 'close'}\r\n\r\n"
    connection.sendall(head.encode() + answer)
    return keep


def _content(method: str, path: str, arguments: Options, body: bytes, options: Options) -> tuple[int, bytes]:
    status = int(options.get("status", "200"))
    if path == "/health":
        return int(options.get("health", "200")), b"ok\n"
    if path == "/crash":
        os._exit(3)
    if path == "/become":
        options.update(arguments)
    if path == "/echo" and method == "POST":
        return status, body
    if path == "/file":
        return status, _text(arguments.get("path", "")).encode()
    if path == "/slow":
        time.sleep(float(arguments.get("s", "1.5")))
    texts = {
        "/version": options.get("version", "1"),
        "/pid": str(os.getpid()),
        "/env": os.environ.get(arguments.get("name", ""), ""),
    }
    return status, texts.get(path, f"sample {options.get('version', '1')}").encode()


_chance = os.getpid() * 2654435761 % 2**32


def _hits(options: Options, name: str) -> bool:
    """By chance, for so many of the requests; ``random`` takes longer to import than all the rest."""
    global _chance
    share = float(options.get(name, "0"))
    if not share:
        return False
    _chance = (_chance * 6364136223846793005 + 1442695040888963407) % 2**64
    return (_chance >> 33) / 2**31 < share


def _text(path: str) -> str:
    try:
        with open(path) as file:  # noqa: PTH123  pathlib takes longer to import than all the rest
            return file.read()
    except OSError as error:
        return f"{error.strerror}"


def _stream(connection: socket.socket, seconds: float) -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n"
    connection.sendall(head.encode())
    for number in range(int(seconds * 10)):
        connection.sendall(f"id: {number}\ndata: {number}\n\n".encode())
        time.sleep(0.1)
    connection.sendall(b"event: end\ndata: end\n\n")


def _say(text: str) -> None:
    os.write(1, (text + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1:])
