"""A program as a shim runs it, and how it stands, as values."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Restart(StrEnum):
    """What happens when the program ends by itself."""

    ALWAYS = "always"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Limits:
    """Of the program with everything it starts; None is no limit. ``memory_bytes`` holds for each process by itself
    where the machine has no memory control group; ``cpu`` and ``pids`` need one, and the log says if there is none."""

    memory_bytes: int | None = None
    cpu: float | None = None
    """Cores."""
    pids: int | None = None
    open_files: int | None = None


@dataclass(frozen=True, slots=True)
class Program:
    """What a shim runs."""

    argv: tuple[str, ...]
    cwd: str
    environ: Mapping[str, str]
    """All of it; ``PATH`` in it finds ``argv[0]``. The shim's mark is added."""
    restart: Restart = Restart.ALWAYS
    stop_signal: int = signal.SIGTERM
    grace: float = 10.0
    """Seconds between the stop signal and KILL of everything it started."""
    limits: Limits = Limits()
    user: str | None = None
    """Name or number; another one than ours needs root."""
    log_bytes: int = 10 * 1024 * 1024
    """Of each log file."""
    log_files: int = 3
    within: float | None = None
    """Seconds it may run before it is stopped; None: as long as it likes."""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ProgramStatus:
    """How a program stands."""

    state: str
    """``starting``, ``running``, ``backoff``, ``stopping`` or ``exited``."""
    pid: int | None
    """Of the main process."""
    shim_pid: int
    """0 while starting."""
    restarts: int
    """Times it ended by itself and was, or will be, started again."""
    started_at: float
    """Seconds since the epoch of the last start."""
    exit_code: int | None
    """Of the last end; negative: the signal that ended it."""
    oom: bool
    """The last end was by the memory limit."""
    timed_out: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
