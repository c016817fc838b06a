"""The shim: one small parent process for each program that Lockgate runs. ``python -I -S shim.py FOLDER LOCK_FD``.

It owns the program's output, restarts it after a crash and ends it as a whole, so that a killed control plane breaks
nothing and finds everything again: the folder is the registry, and whoever holds its lock is alive. The program comes
on standard input (marshal, from the same interpreter); requests come on the socket ``sock``, a few words each.

Only modules that start in microseconds: ``json``, ``socket``, ``signal``, ``ctypes`` and ``typing`` would treble the
10 ms that Python itself takes and cost 2 MB a replica; hence their C halves, plain ``os`` and JSON written by hand.
"""

# ruff: noqa: PTH104, PTH106, PTH108, PTH123, PTH208, SIM105

from __future__ import annotations

import _ctypes
import _signal  # type: ignore[import-not-found]
import _socket
import marshal
import os
import resource
import select
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

VERSION = 1
"""Of ``state.json`` and of the requests."""
MARK = "LOCKGATE_SHIM"
"""Environment variable that every descendant of a program inherits: how leftovers of a dead shim are found."""
FIRST_DELAY, LAST_DELAY, SETTLED = 0.1, 10.0, 10.0
"""Seconds: first and longest pause before a restart; uptime that makes the pause short again."""
READ, MOST_CLIENTS, KILL_WITHIN = 65536, 64, 5.0

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


# --- processes ---


def stat_of(pid: int) -> list[str]:
    """Fields of ``/proc/PID/stat`` behind the name: 0 is the state, 1 the parent, 19 the start time. Empty: none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b") ")[2].decode().split()
    except OSError:
        return []


def start_time(pid: int) -> int:
    """Clock ticks since boot; with the number it names a process for good. 0: none."""
    return int((stat_of(pid) or ["0"] * 20)[19])


def alive(pid: int) -> bool:
    """There is such a process, and it is not a zombie (which may wait long to be collected)."""
    return bool(pid) and stat_of(pid)[:1] not in ([], ["Z"], ["X"])


def descendants(pid: int) -> set[int]:
    """Every process below ``pid``, whatever its session; read from the kernel's lists of children."""
    found: set[int] = set()
    todo = [pid]
    while todo:
        parent = todo.pop()
        for child in _children(parent):
            if child not in found:
                found.add(child)
                todo.append(child)
    return found


def _children(pid: int) -> list[int]:
    children: list[int] = []
    try:
        # A child is listed under the thread that forked it.
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:
                children.extend(map(int, file.read().split()))
    except OSError:
        pass
    return children


def _prctl(option: int, value: int) -> None:
    itself = _ctypes.dlopen(None, os.RTLD_NOW)  # type: ignore[arg-type]
    address = _ctypes.dlsym(itself, "prctl")
    _ctypes.call_cdeclfunction(address, (option, value, 0, 0, 0))


def _kill(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except OSError:
        pass


# --- control groups, made by the starter ---


class Cgroup:
    """The program's control groups: folders of ``/sys/fs/cgroup``, none where the machine has none for us."""

    def __init__(self, folders: list[str], unified: str) -> None:
        self.folders, self.unified = folders, unified

    def join(self) -> None:
        for folder in self.folders:
            _write(f"{folder}/cgroup.procs", "0")

    def kill(self) -> None:
        if self.unified:
            _write(f"{self.unified}/cgroup.kill", "1")

    def oom_kills(self) -> int:
        lines = [line for f in self.folders for n in ("memory.events", "memory.oom_control") for line in _lines(f, n)]
        return sum(int(line.split()[1]) for line in lines if line.startswith("oom_kill "))

    def remove(self) -> None:
        """Waits a moment: a group can be removed only when its last process has been reaped."""
        for folder in self.folders:
            for _ in range(50):
                try:
                    os.rmdir(folder)
                except FileNotFoundError:
                    break
                except OSError:
                    time.sleep(0.005)


def _write(path: str, text: str) -> None:
    try:
        with open(path, "w") as file:
            file.write(text)
    except OSError:
        return


def _lines(folder: str, name: str) -> list[str]:
    try:
        with open(f"{folder}/{name}") as file:
            return file.readlines()
    except OSError:
        return []


# --- output ---


class Log:
    """Files ``log.OFFSET``, named by the logical offset of their first byte: a reader's place survives rotation."""

    def __init__(self, size: int, files: int) -> None:
        self.size, self.files = size, max(1, files)
        starts = log_starts(".")
        self.start = starts[-1] if starts else 0
        self.fd = self._open()
        self.end = self.start + os.fstat(self.fd).st_size

    def write(self, data: bytes) -> None:
        try:
            while data:
                if self.end - self.start >= self.size:
                    self._rotate()
                written = os.write(self.fd, data[: self.start + self.size - self.end])
                self.end += written
                data = data[written:]
        except OSError:
            return  # A full disk loses output, never the program: its pipe is read all the same.

    def say(self, sentence: str) -> None:
        self.write(f"lockgate: {sentence}\n".encode())

    def _rotate(self) -> None:
        start, fd = self.start, self.fd
        self.start = self.end
        try:
            self.fd = self._open()
        except OSError:
            self.start = start
            raise
        os.close(fd)
        for old in log_starts(".")[: -self.files]:
            os.unlink(f"log.{old}")

    def _open(self) -> int:
        return os.open(f"log.{self.start}", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)


def log_starts(folder: str) -> list[int]:
    """Logical offsets at which the kept log files begin, oldest first."""
    names = [name[4:] for name in os.listdir(folder) if name.startswith("log.")]
    return sorted(int(name) for name in names if name.isdigit())


# --- the program ---


def spawn(program: dict[str, Any], output: int, cgroup: Cgroup) -> int:
    """Forks the program into its own session. What fails before it runs is written to its output; it ends with 127."""
    shim = os.getpid()
    # A signal sent before exec must neither run the shim's handlers in the child nor be lost there.
    _signal.pthread_sigmask(_signal.SIG_BLOCK, _signal.valid_signals())
    try:
        pid = os.fork()
        if pid == 0:
            _become(program, output, cgroup, shim)
        return pid
    finally:
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


def _become(program: dict[str, Any], output: int, cgroup: Cgroup, shim: int) -> NoReturn:
    try:
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.setsid()
        cgroup.join()
        _set_limits(program["rlimits"])
        if program["user"]:
            uid, gid, groups = program["user"]
            os.setgroups(groups)
            os.setgid(gid)
            os.setuid(uid)
        # After the change of user, which clears it. Bound to the forking thread: the shim has only one.
        _prctl(PR_SET_PDEATHSIG, _signal.SIGKILL)
        if os.getppid() != shim:
            os._exit(127)
        os.chdir(program["cwd"])
        os.umask(0o022)
        for number in _signal.valid_signals() - {_signal.SIGKILL, _signal.SIGSTOP}:
            _signal.signal(number, _signal.SIG_DFL)
        _signal.pthread_sigmask(_signal.SIG_SETMASK, ())
        # execvpe would import a module, which the user may not be able to read.
        os.execve(program["executable"], program["argv"], program["environ"])
    except BaseException as error:
        because = f"{error.strerror}: {os.fsdecode(error.filename or '')}" if isinstance(error, OSError) else str(error)
        os.write(2, os.fsencode(f"lockgate: cannot run {program['argv'][0]!r} in {program['cwd']}: {because}\n"))
    finally:
        os._exit(127)


def _set_limits(rlimits: list[tuple[int, int]]) -> None:
    for kind, most in rlimits:
        hard = resource.getrlimit(kind)[1]
        # Raising the hard limit is not ours to do: it fails even for root in many containers.
        limit = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (limit, limit))


class Supervisor:
    """The loop: one thread, asleep unless something happens."""

    def __init__(self, program: dict[str, Any]) -> None:
        self.program, self.started = program, start_time(os.getpid())
        self.state, self.pid, self.restarts = "starting", 0, 0
        self.exit_code: int | None = None
        self.oom = self.timed_out = False
        self.pid_started = 0
        self.started_at = self.launched = self.delay = 0.0
        self.due: float | None = None
        """Monotonic time of what comes next: the restart, the KILL, or the end of the time it may run."""
        self.log = Log(program["log_bytes"], program["log_files"])
        self.output, self.output_end = os.pipe()
        os.set_blocking(self.output, False)
        self.cgroup = Cgroup(program["cgroups"], program["unified"])
        for note in program["notes"]:
            self.log.say(note)
        self.clients: list[int] = []
        self.text = b""

    def run(self) -> None:
        self._hear_signals()
        self._listen()
        self.launch()
        while self.state != "exited":
            for fd, _ in self.poll.poll(self._patience()):
                self._on_readable(fd)
            self.reap()
            self.advance(time.monotonic())

    def _hear_signals(self) -> None:
        self.wakeup, end = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(end, False)
        _signal.set_wakeup_fd(end)
        for number in (_signal.SIGCHLD, _signal.SIGTERM, _signal.SIGINT):
            _signal.signal(number, lambda *_: None)
        _signal.signal(_signal.SIGHUP, _signal.SIG_IGN)

    def _listen(self) -> None:
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_SEQPACKET | _socket.SOCK_CLOEXEC, 0)
        try:
            os.unlink("sock")
        except FileNotFoundError:
            pass
        # Bound by a relative name: the folder's own may be longer than the 107 bytes an address may have.
        self.socket.bind("sock")
        self.socket.listen(MOST_CLIENTS)
        self.poll = select.poll()
        for fd in (self.wakeup, self.output, self.socket.fileno()):
            self.poll.register(fd, select.POLLIN)

    def _patience(self) -> int | None:
        """Milliseconds until something must be done unasked."""
        if self.due is None:
            return None
        left = max(0, int((self.due - time.monotonic()) * 1000) + 1)
        # While stopping, the end of an orphan that is not our child yet is only seen by looking.
        return min(left, 20) if self.state == "stopping" else left

    # --- requests ---

    def _on_readable(self, fd: int) -> None:
        if fd == self.output:
            self._copy_output()
        elif fd == self.wakeup:
            if {_signal.SIGTERM, _signal.SIGINT} & set(os.read(fd, 512)):
                self.stop()
        elif fd == self.socket.fileno():
            self._accept()
        else:
            self._answer(fd)

    def _copy_output(self) -> bool:
        try:
            self.log.write(os.read(self.output, READ))
        except BlockingIOError:
            return False
        return True

    def _accept(self) -> None:
        try:
            fd, _ = self.socket._accept()  # type: ignore[attr-defined]
        except OSError:
            return
        os.set_blocking(fd, False)
        self.clients.append(fd)
        self.poll.register(fd, select.POLLIN)
        if len(self.clients) > MOST_CLIENTS:
            self._hang_up(self.clients[0])

    def _hang_up(self, fd: int) -> None:
        self.clients.remove(fd)
        self.poll.unregister(fd)
        os.close(fd)

    def _answer(self, fd: int) -> None:
        if fd not in self.clients:
            return
        try:
            words = os.read(fd, 256).split()
            if words:
                self._obey(words)
                os.write(fd, self.text)
        except (OSError, ValueError):
            pass
        self._hang_up(fd)

    def _obey(self, words: list[bytes]) -> None:
        if words[0] == b"stop":
            self.stop()
        elif words[0] == b"signal" and self.pid:
            _kill(self.pid, int(words[1]))

    # --- states ---

    def launch(self) -> None:
        self.launched, self.started_at = time.monotonic(), time.time()
        self.oom_before = self.cgroup.oom_kills()
        try:
            self.pid = spawn(self.program, self.output_end, self.cgroup)
        except OSError as error:
            self.log.say(f"cannot start another process on this machine: {error}.")
            self._ended(127)
            return
        self.pid_started = start_time(self.pid)
        within = self.program["within"]
        self._enter("running", None if within is None else self.launched + within)

    def stop(self) -> None:
        """The stop signal to the program itself; what it leaves behind gets it when the program has ended."""
        if self.state == "running":
            self._enter("stopping", time.monotonic() + self.program["grace"])
            _kill(self.pid, self.program["stop_signal"])
        elif self.state == "backoff":
            self.finish()

    def reap(self) -> bool:
        """Collects what has ended, orphans included. True: nothing is left."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return True
            if pid == 0:
                return False
            if pid == self.pid:
                self.pid = 0
                self._ended(os.waitstatus_to_exitcode(status))

    def advance(self, now: float) -> None:
        late = self.due is not None and now >= self.due
        if self.state == "stopping" and (late or (not self.pid and self.reap())):
            self.finish()
        elif self.state == "running" and late:
            self.timed_out = True
            self.stop()
        elif self.state == "backoff" and late:
            self.launch()

    def _ended(self, code: int) -> None:
        self.exit_code = code
        self.oom = self.cgroup.oom_kills() > self.oom_before
        if self.state == "stopping":
            for pid in descendants(os.getpid()):
                _kill(pid, self.program["stop_signal"])
        elif self.program["restart"] == "never":
            self.finish()
        else:
            # What a crashed program leaves behind would keep its port.
            self.kill_all()
            self._back_off()

    def _back_off(self) -> None:
        now = time.monotonic()
        settled = now - self.launched >= SETTLED
        self.delay = FIRST_DELAY if settled or not self.delay else min(LAST_DELAY, self.delay * 2)
        self.restarts += 1
        self._enter("backoff", now + self.delay)

    def kill_all(self) -> None:
        """Every descendant, whatever session it hides in: as their subreaper the shim has no child left afterwards."""
        deadline = time.monotonic() + KILL_WITHIN
        self.cgroup.kill()
        while not self.reap() and time.monotonic() < deadline:
            for pid in descendants(os.getpid()):
                _kill(pid, _signal.SIGKILL)
            time.sleep(0.001)

    def finish(self) -> None:
        self._enter("stopping", None)
        self.kill_all()
        # Bounded: a process that cannot be killed (waiting for a dead disk) may write for ever.
        for _ in range(1024):
            if not self._copy_output():
                break
        self.cgroup.remove()
        self._enter("exited", None)

    def _enter(self, state: str, due: float | None) -> None:
        self.state, self.due = state, due
        self.save()

    def save(self) -> None:
        """``state.json``, which is also the answer to every request."""
        fields = {
            "version": VERSION,
            "state": f'"{self.state}"',
            "pid": self.pid or None,
            "pid_started": self.pid_started,
            "shim_pid": os.getpid(),
            "shim_started": self.started,
            "restarts": self.restarts,
            "started_at": self.started_at,
            "exit_code": self.exit_code,
            "oom": self.oom,
            "timed_out": self.timed_out,
            "labels": self.program["labels"],
        }
        words = {"None": "null", "True": "true", "False": "false"}
        parts = (f'"{name}": {words.get(str(value), value)}' for name, value in fields.items())
        self.text = ("{" + ", ".join(parts) + "}").encode()
        try:
            with open("state.json.new", "wb") as file:
                file.write(self.text)
            os.rename("state.json.new", "state.json")
        except OSError:
            return  # The disk is full: the socket still tells, and the next change of state tries again.


def main(folder: str, lock: int) -> None:
    """Detaches: the starter's child ends at once, so that no zombie and no session ties the shim to the starter."""
    if os.fork():
        os._exit(0)
    os.set_inheritable(lock, False)
    os.umask(0o077)
    os.chdir(folder)
    with os.fdopen(0, "rb", closefd=False) as file:
        program = marshal.load(file)
    os.dup2(os.open("/dev/null", os.O_RDONLY), 0)
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    Supervisor(program).run()
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
