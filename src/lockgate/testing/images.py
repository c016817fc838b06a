"""Images made without pulling: from files of this machine's Debian and of Lockgate's test kit."""

import importlib.util
import io
import json
import subprocess
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import docker

from lockgate.core.errors import ComponentMissing
from lockgate.testing import sample_app

PYTHON = "/usr/bin/python3.11"
"""Inside, as on Debian 12."""
PACKAGES = (
    "python3.11-minimal",
    "libpython3.11-minimal",
    "libpython3.11-stdlib",
    "libc6",
    "libbz2-1.0",
    "libcrypt1",
    "libexpat1",
    "libffi8",
    "liblzma5",
    "libsqlite3-0",
    "libssl3",
    "libuuid1",
    "media-types",
    "zlib1g",
)
MERGED = ("bin", "lib", "lib64", "sbin")
"""Folders of the root that Debian keeps below ``usr``."""
Owner = tuple[int, int]


@cache
def python_root() -> bytes:
    """A root file system with Debian's Python 3.11 as a tar archive, 51 MB. Raises ComponentMissing elsewhere."""
    try:
        listed = subprocess.run(["dpkg", "-L", *PACKAGES], capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        because = "Images for tests are made of Debian 12's own Python 3.11, which is not here."
        raise ComponentMissing(because, f"Install {' '.join(PACKAGES[:3])}.") from error
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name in MERGED:
            _add_link(tar, name, f"usr/{name}")
        for name in ("tmp", "etc", "run"):
            _add_folder(tar, name, 0o1777 if name == "tmp" else 0o755)
        listed_here = {_inside(path) for path in listed.stdout.split("\n")}
        for inside in sorted((listed_here | set(_compiled(listed_here))) - set(tar.getnames())):
            _add_installed(tar, inside, Path("/", inside))
    return out.getvalue()


def _compiled(listed: Iterable[str]) -> Iterator[str]:
    """Bytecode that the packages' installation has made: without it each start compiles what it imports."""
    for inside in listed:
        if inside.endswith(".py"):
            cached = importlib.util.cache_from_source(f"/{inside}").removeprefix("/")
            folder, _, name = cached.rpartition("/")
            kept = f"{folder}/{name.partition('.')[0]}.cpython-311.pyc"
            if Path("/", kept).exists():
                yield from (folder, kept)


def _inside(path: str) -> str:
    """``dpkg`` says ``/lib``, where the file is in ``/usr/lib``."""
    inside = path.lstrip("/")
    return f"usr/{inside}" if inside.partition("/")[0] in MERGED else inside


def _add_installed(tar: tarfile.TarFile, inside: str, here: Path) -> None:
    skipped = ("usr/share/doc", "usr/share/man", "usr/share/lintian", "usr/lib/python3.11/test")
    if not inside or inside == "." or inside.startswith(skipped):
        return
    if here.is_symlink() or here.is_file():
        tar.add(here, inside, recursive=False)
    elif here.is_dir():
        _add_folder(tar, inside, 0o755)


def _add_link(tar: tarfile.TarFile, name: str, to: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname = tarfile.SYMTYPE, to
    tar.addfile(entry)


def _add_folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def archive(files: Mapping[str, bytes], links: Mapping[str, str] | None = None) -> bytes:
    """A tar archive of these programs (mode 0755) and symbolic links."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            tar.addfile(entry, io.BytesIO(data))
        for name, to in (links or {}).items():
            _add_link(tar, name, to)
    return out.getvalue()


def archive_of(paths: Mapping[str, Path]) -> bytes:
    """A tar archive of files and folders: name inside -> where it is."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, path in paths.items():
            tar.add(path, name)
    return out.getvalue()


def build(client: docker.DockerClient, image: str, base: str, files: Mapping[str, bytes], lines: Iterable[str]) -> None:
    """``image`` (name:tag) from ``base`` (an image, or ``scratch``) with these files copied to its root and more lines
    of a Dockerfile. The same bytes each time, but for the time of making."""
    build_from(client, image, base, archive(files), [*(f"COPY {name} /{name}" for name in files), *lines])


def build_from(client: docker.DockerClient, image: str, base: str, context: bytes, lines: Iterable[str]) -> None:
    """The same of a whole context: an archive of what the lines copy."""
    dockerfile = "\n".join([f"FROM {base}", *lines]).encode()
    out = io.BytesIO(context)
    with tarfile.open(fileobj=out, mode="a") as tar:
        entry = tarfile.TarInfo("Dockerfile")
        entry.size = len(dockerfile)
        tar.addfile(entry, io.BytesIO(dockerfile))
    _told(client, "/build", {"t": image, "rm": "1"}, {"Content-Type": "application/x-tar"}, out.getvalue())


def python_base(client: docker.DockerClient, image: str = "localhost/python:3.11") -> str:
    """The image of :func:`python_root`, made if it is not there."""
    name, _, tag = image.rpartition(":")
    if not client.images.list(name=image):
        client.api.import_image_from_data(python_root(), repository=name, tag=tag)
    return image


def sample_image(client: docker.DockerClient, image: str, version: str) -> None:
    """The sample application; it says ``version`` at ``/version`` unless it is told otherwise."""
    entry = [PYTHON, "-I", "-S", "/sample_app.py"]
    build(
        client,
        image,
        python_base(client),
        {"sample_app.py": Path(sample_app.__file__).read_bytes()},
        [f"ENTRYPOINT {json.dumps(entry)}", f'LABEL version="{version}"', f"ENV SAMPLE_VERSION={version}"],
    )


def push(client: docker.DockerClient, image: str) -> str:
    """``image`` (registry/name:tag) is pushed. Returns its digest."""
    name, _, tag = image.rpartition(":")
    told = _told(client, f"/images/{name}/push", {"tag": tag}, {"X-Registry-Auth": "e30="})
    return next(str(line["aux"]["Digest"]) for line in told if "Digest" in line.get("aux", {}))


def _told(
    client: docker.DockerClient, path: str, params: Mapping[str, str], headers: Mapping[str, str], data: bytes = b""
) -> list[Any]:
    """What the engine says of long work; the SDK's own way leaves the connection open. Raises RuntimeError."""
    api = client.api
    with api.post(f"{api.base_url}/v1.41{path}", params=params, headers=headers, data=data, stream=True) as answer:
        told = [json.loads(line) for line in answer.iter_lines() if line]
        errors = [line for line in told if "error" in line or answer.status_code >= 400]
    if errors:
        raise RuntimeError(f"{path} with {params}: {errors}")
    return told
