"""Running a server until it is told to stop, and ending what it leaves behind."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

from lockgate.config.settings import Settings
from lockgate.core.errors import Unavailable
from lockgate.drivers.occupancy import own_folder
from lockgate.drivers.redactor import Redactor, log_to_stderr
from lockgate.drivers.supervision import adopt
from lockgate.server.redacted import redacted as discreet
from lockgate.wiring.containers import docker_targets
from lockgate.wiring.control_plane import build


def serve(settings: Settings, announce: Callable[[str], None] | None = None) -> None:
    """Runs a server until it is told to stop by INT or TERM. What it has deployed runs on without it. Raises
    DataFolderBusy, PortTaken, and what opening the store raises."""
    from lockgate.server import runner

    redactor = Redactor()
    log_to_stderr(settings.log_level, redactor)
    os.environ.pop("LOCKGATE_MASTER_KEY", None)  # programs that are started for a build inherit what is there
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    with own_folder(settings.home):
        plane = build(settings, redactor)
        work = threading.Thread(target=plane.run, args=(stop,), name="control-plane")
        work.start()
        try:
            runner.run(
                discreet(plane.operations, redactor.masked),
                home=settings.home,
                host=settings.listen.host,
                port=settings.listen.port,
                on_listening=lambda listening: _announce(listening, announce),
                stop=stop,
            )
        finally:
            stop.set()
            work.join()
            plane.close()


def down(settings: Settings, patience: float = 30.0) -> int:
    """Ends everything that Lockgate runs on this machine for the data folder: instances, tasks, the router. Its records
    stay, and a server started later brings back what was deployed. Returns how many programs were ended. Raises
    DataFolderBusy while a server works on the folder, Unavailable when something does not end."""
    with own_folder(settings.home):
        living = adopt(settings.data / "instances") + adopt(settings.data / "tasks") + adopt(settings.data / "router")
        for shim in living:
            shim.stop()
        end = time.monotonic() + patience
        while any(shim.locked() for shim in living):
            if time.monotonic() > end:
                raise Unavailable(
                    f"Some programs below {settings.data} have not ended in {patience:g} s.", "Try again."
                )
            time.sleep(0.05)
        return len(living) + _end_containers(settings)


def _end_containers(settings: Settings) -> int:
    """On every engine that answers. Raises Unavailable for the others, when all that could be done is done."""
    ended, silent = 0, []
    for note, target in docker_targets(settings):
        try:
            ended += target.end_all()
            note.unlink(missing_ok=True)
        except Unavailable as error:
            silent.append(f"{error.because} Start it and run this again; if it is gone for good, delete {note}.")
        finally:
            target.close()
    if silent:
        raise Unavailable(f"Everything else has ended, but containers may still run. {' '.join(silent)}")
    return ended


def _announce(listening: "object", announce: Callable[[str], None] | None) -> None:
    url = getattr(listening, "login_url", "")
    if announce:
        announce(url)
    else:
        print(f"Lockgate is ready. Console: {url}", file=sys.stderr)  # noqa: T201
