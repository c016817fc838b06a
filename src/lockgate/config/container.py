"""``container:`` of a component: how its image runs. Its form, and the kinds of values in it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lockgate.config.form import At, Field, Form, Named, Schema, Several, closest
from lockgate.config.scalars import TEXT_TYPES, Text, Whole, YesOrNo, written
from lockgate.config.words import COMMAND
from lockgate.core.application import Container

CAPABILITIES = (
    "AUDIT_CONTROL", "AUDIT_READ", "AUDIT_WRITE", "BLOCK_SUSPEND", "BPF", "CHECKPOINT_RESTORE", "CHOWN",
    "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "IPC_LOCK", "IPC_OWNER", "KILL", "LEASE",
    "LINUX_IMMUTABLE", "MAC_ADMIN", "MAC_OVERRIDE", "MKNOD", "NET_ADMIN", "NET_BIND_SERVICE", "NET_BROADCAST",
    "NET_RAW", "PERFMON", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYSLOG", "SYS_ADMIN", "SYS_BOOT", "SYS_CHROOT",
    "SYS_MODULE", "SYS_NICE", "SYS_PACCT", "SYS_PTRACE", "SYS_RAWIO", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG",
    "WAKE_ALARM",
)  # fmt: skip
"""Of Linux 6, capabilities(7), without ``CAP_``."""


@dataclass(frozen=True, slots=True)
class Capability:
    """One of the kernel's, by its name."""

    def read(self, at: At) -> str:
        text = written(at, "a capability such as NET_BIND_SERVICE").text
        if text in CAPABILITIES:
            return text
        if text.upper() == "ALL":
            raise at.refused("there is no word for all capabilities.", "Name those that the program needs.")
        meant = closest(text.upper().removeprefix("CAP_"), CAPABILITIES)
        mend = f"Did you mean {meant!r}?" if meant else "capabilities(7) names them; write them without CAP_."
        raise at.refused(f"{text!r} is not a capability.", mend)

    def schema(self) -> Schema:
        return {"enum": list(CAPABILITIES)}


@dataclass(frozen=True, slots=True)
class Mount:
    """``/srv/data`` or ``data``, with ``:ro`` behind it. Where a value is filled in, the target looks at the whole."""

    def read(self, at: At) -> str:
        what = "a folder of the machine such as /srv/data, or the name of a volume such as data, with :ro or without"
        text = written(at, what).text
        if text.endswith(":rw"):
            raise at.refused("a mount can be written unless it ends with :ro.", "Leave :rw out.")
        if text.startswith(("./", "../", "~")):
            mend = "An environment knows no repository: write a folder from / on, or put files there with `files`."
            raise at.expected(what, mend)
        if "{" not in text and not is_mount(text):
            raise at.expected(what)
        return text

    def schema(self) -> Schema:
        return {"type": TEXT_TYPES, "minLength": 1}


def is_mount(text: str) -> bool:
    """Whether it is one, once all values are filled in."""
    where = text.removesuffix(":ro")
    return bool(re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,127}", where) or INSIDE.matches(where))


INSIDE = Text(
    "a folder inside the container",
    r"(?!.*(?:^|/)\.{1,2}(?:/|$))(?:/[^/:,\x00-\x1f]+)+/?",
    "It begins with /, is not / itself, and has no .., colon or comma in it.",
)
USER = Text(
    "a user of the image",
    r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?",
    "Write a name or number, with :group behind it if need be.",
)


def _twice(container: Container) -> Iterator[tuple[str, str, str]]:
    mounted = {inside.rstrip("/") for inside in container.mounts}
    for folder in container.scratch:
        if folder.rstrip("/") in mounted:
            yield "scratch", f"{folder} is in `mounts` too.", "Remove it from one of the two."


CONTAINER = Form(
    "container",
    Container,
    (
        Field("entrypoint", COMMAND, "Instead of the image's own; `run` stands for its arguments."),
        Field("port", Whole("port", 1, 65535),
              "Fixed port that the program listens on inside; without it, {port} is the one it is allotted."),
        Field("user", USER, "User of the image, by name or number, with :group if need be."),
        Field("read_only", YesOrNo(), "Whether its root file system cannot be written."),
        Field("capabilities", Several("capabilities", Capability()),
              "Exactly these of the kernel's capabilities, without CAP_; without it, the engine's usual ones but "
              "NET_RAW, MKNOD and AUDIT_WRITE."),
        Field("gain_privileges", YesOrNo(), "Whether its programs may become more than their user is, as sudo does."),
        Field("mounts", Named("a folder inside", INSIDE, Mount()),
              "Folder inside -> folder of the machine or volume, with :ro when it must not be written; {values.NAME} "
              "is filled in."),
        Field("scratch", Several("folders", INSIDE), "Folders inside that are empty, writable and in memory."),
    ),
    hints={
        "image": "It is the component's `artifact`: oci:name.", "build": "Images are built before a release is made.",
        "command": "Write it as the component's `run`.", "run": "It stands beside `container`.",
        "env": "It stands beside `container`.", "environment": "Write it as `env`, beside `container`.",
        "files": "It stands beside `container`.", "secrets": "It stands beside `container`.",
        "resources": "It stands beside `container`.", "health": "It stands beside `container`.",
        "healthcheck": "Write it as `health`, beside `container`.",
        "ports": "Write the port inside as `port`; the public address is in environments.yaml.",
        "expose": "Did you mean 'port'?", "volumes": "Write `mounts: {/folder/inside: /srv/data}`.",
        "tmpfs": "Did you mean 'scratch'?", "cap_add": "Write all that are needed as `capabilities`.",
        "cap_drop": "Write those that are left as `capabilities`; none: `capabilities: []`.",
        "privileged": "Name the `capabilities` that are needed; devices are not given to containers.",
        "network_mode": "It is the environment's: `target: {docker: {network: ...}}` in environments.yaml.",
        "networks": "It is the environment's: `target: {docker: {network: ...}}` in environments.yaml.",
        "restart": "An instance that ends is started again.",
    },
    also=_twice,
)  # fmt: skip
