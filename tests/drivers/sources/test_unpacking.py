"""Archives from strangers: what is safe is unpacked as it is, the rest is refused before anything is kept."""

import bz2
import gzip
import io
import lzma
import os
import stat
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lockgate.core.errors import ArtifactMistyped
from lockgate.drivers.unpacking import Limits, unpack


def tar_of(*entries: tuple[str, dict[str, object], bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, changes, data in entries:
            entry = tarfile.TarInfo(name)
            entry.size = len(data)
            for key, value in changes.items():
                setattr(entry, key, value)
            tar.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def link(name: str, target: str) -> tuple[str, dict[str, object], bytes]:
    return (name, {"type": tarfile.SYMTYPE, "linkname": target}, b"")


def hard(name: str, target: str) -> tuple[str, dict[str, object], bytes]:
    return (name, {"type": tarfile.LNKTYPE, "linkname": target}, b"")


def plain(name: str, data: bytes = b"x", mode: int = 0o644) -> tuple[str, dict[str, object], bytes]:
    return (name, {"mode": mode}, data)


def zip_of(*entries: tuple[str, int, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as whole:
        for name, mode, data in entries:
            entry = zipfile.ZipInfo(name)
            entry.external_attr = mode << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            whole.writestr(entry, data)
    return out.getvalue()


def _both(data: bytes, into: Path, limits: Limits | None = None) -> None:
    """Inspecting and unpacking must agree."""
    unpack(io.BytesIO(data), None, "the archive", limits)
    unpack(io.BytesIO(data), into, "the archive", limits)


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_a_tar_is_unpacked_as_it_is(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    data = tar_of(
        plain("top/run", b"#!/bin/sh\n", 0o4755),
        plain("top/data", b"abc"),
        ("top/empty", {"type": tarfile.DIRTYPE}, b""),
        link("top/sub/link", "../data"),
        hard("top/same", "top/data"),
        plain("./top/data", b"new"),
    )
    _both(pack(data), tmp_path / "out")
    top = tmp_path / "out" / "top"
    assert stat.S_IMODE((top / "run").stat().st_mode) & 0o7111 == 0o111
    assert (top / "data").read_bytes() == (top / "sub" / "link").read_bytes() == b"new"
    assert (top / "same").read_bytes() == b"abc" and (top / "same").stat().st_nlink == 1
    assert (top / "empty").is_dir()


def test_a_zip_keeps_programs_executable(tmp_path: Path) -> None:
    _both(zip_of(("bin/run", 0o100755, b"#!"), ("data", 0, b"abc"), ("empty/", 0o40755, b"")), tmp_path / "out")
    assert (tmp_path / "out" / "bin" / "run").stat().st_mode & 0o100
    assert not (tmp_path / "out" / "data").stat().st_mode & 0o111
    assert (tmp_path / "out" / "empty").is_dir()


@pytest.mark.parametrize(
    ("data", "because"),
    [
        (tar_of(plain("../up")), "leads outside"),
        (tar_of(plain("a/../../up")), "leads outside"),
        (tar_of(plain("/etc/cron.d/x")), "leads outside"),
        (tar_of(link("a", "/etc")), "outside of the archive"),
        (tar_of(link("a", "../b")), "outside of the archive"),
        (tar_of(link("a/b/S", "../.."), link("L", "a/b/S/..")), "outside of the archive"),
        (tar_of(link("a", "x/../../y")), "outside of the archive"),
        (tar_of(link("a", "")), "outside of the archive"),
        (tar_of(link("a", "b"), plain("a/c")), "written through 'a'"),
        (tar_of(plain("a"), plain("a/c")), "written through 'a'"),
        (tar_of(link("a", "b"), plain("a")), "stands for two things"),
        (tar_of(plain("a"), ("a", {"type": tarfile.DIRTYPE}, b"")), "not a folder"),
        (tar_of(hard("a", "/etc/passwd")), "leads outside"),
        (tar_of(hard("a", "../x")), "leads outside"),
        (tar_of(hard("a", "b")), "does not hold"),
        (tar_of(link("l", "x"), hard("a", "l")), "does not hold"),
        (tar_of(("dev", {"type": tarfile.CHRTYPE}, b"")), "a device"),
        (tar_of(("dev", {"type": tarfile.BLKTYPE}, b"")), "a device"),
        (tar_of(("pipe", {"type": tarfile.FIFOTYPE}, b"")), "a pipe"),
        (tar_of(plain("a" * 300)), "cannot be unpacked"),
        (zip_of(("../up", 0, b"x")), "leads outside"),
        (zip_of(("/etc/x", 0, b"x")), "leads outside"),
        (zip_of(("a\\..\\b", 0, b"x")), "backslashes"),
        (zip_of(("link", 0o120777, b"/etc/passwd")), "a link or a device"),
        (zip_of(("dev", 0o020666, b"")), "a link or a device"),
    ],
)
def test_what_is_unsafe_is_refused(tmp_path: Path, data: bytes, because: str) -> None:
    with pytest.raises(ArtifactMistyped, match=f"the archive is not safe to unpack: .*{because}"):
        unpack(io.BytesIO(data), tmp_path / "out", "the archive")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["out"]


@pytest.mark.parametrize("because", ["leads outside", "outside of the archive", "a device"])
def test_inspecting_refuses_what_unpacking_refuses(because: str) -> None:
    data = {
        "leads outside": tar_of(plain("../up")),
        "outside of the archive": tar_of(link("a", "/etc")),
        "a device": tar_of(("dev", {"type": tarfile.CHRTYPE}, b"")),
    }[because]
    with pytest.raises(ArtifactMistyped, match=because):
        unpack(io.BytesIO(data), None, "the archive")


@pytest.mark.parametrize(
    ("data", "limits", "because"),
    [
        (tar_of(*(plain(f"f{n}") for n in range(30))), Limits(files=20), "more than 20 files"),
        (tar_of(plain("a", b"x" * 5000)), Limits(total=4000), "more than 4000 bytes"),
        (gzip.compress(tar_of(plain("a", bytes(1 << 20)))), Limits(ratio_from=1 << 16), "more than 200 bytes for each"),
        (zip_of(("a", 0, bytes(1 << 20))), Limits(ratio_from=1 << 16), "more than 200 bytes for each"),
        (zip_of(("a", 0, b"x" * 5000)), Limits(total=4000), "more than 4000 bytes"),
        (tar_of(plain("a", b"x" * 900), *(hard(f"h{n}", "a") for n in range(5))), Limits(total=20_000), None),
        (tar_of(plain("a", b"x" * 900), *(hard(f"h{n}", "a") for n in range(50))), Limits(total=20_000), "more than"),
    ],
)
def test_a_bomb_is_refused_while_it_is_read(tmp_path: Path, data: bytes, limits: Limits, because: str | None) -> None:
    if because is None:
        return _both(data, tmp_path / "fine", limits)
    for into in (None, tmp_path / "out"):
        with pytest.raises(ArtifactMistyped, match=because):
            unpack(io.BytesIO(data), into, "the archive", limits)
    return None


def test_a_zip_whose_headers_lie_about_sizes_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of(("a", 0, bytes(100_000))))
    place = data.index((100_000).to_bytes(4, "little"))
    while place >= 0:
        data[place : place + 4] = (10).to_bytes(4, "little")
        place = data.find((100_000).to_bytes(4, "little"))
    with pytest.raises(ArtifactMistyped):
        unpack(io.BytesIO(bytes(data)), tmp_path / "out", "the archive", Limits(total=50_000))


@pytest.mark.parametrize("data", [b"", b"hello", b"%PDF-1.7 ...", b"\x28\xb5\x2f\xfd zstd", b"\0" * 2000])
def test_what_is_no_archive_is_mistyped(data: bytes) -> None:
    with pytest.raises(ArtifactMistyped, match="neither a tar archive"):
        unpack(io.BytesIO(data), None, "the archive")


@pytest.mark.parametrize("pack", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_an_archive_that_is_cut_short_is_damaged(pack: Callable[[bytes], bytes]) -> None:
    data = pack(tar_of(plain("a", os.urandom(5000))))
    with pytest.raises(ArtifactMistyped, match=r"damaged|cannot be"):
        unpack(io.BytesIO(data[: len(data) // 2]), None, "the archive")


@pytest.mark.parametrize("data", [b"hello" * 500, b"hello", b""])
def test_a_compressed_file_that_is_no_tar_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactMistyped, match=r"damaged|holds no files"):
        unpack(io.BytesIO(gzip.compress(data)), None, "the archive")


@pytest.mark.parametrize("data", [tar_of(), zip_of(), tar_of(plain("./"))])
def test_an_archive_without_files_is_refused(data: bytes) -> None:
    with pytest.raises(ArtifactMistyped, match=r"holds no files|neither a tar"):
        unpack(io.BytesIO(data), None, "the archive")


_NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "c"]), min_size=1, max_size=4).map("/".join)
_ENTRIES = st.one_of(
    st.builds(plain, _NAMES),
    st.builds(link, _NAMES, _NAMES),
    st.builds(hard, _NAMES, _NAMES),
    st.builds(lambda name: (name, {"type": tarfile.DIRTYPE}, b""), _NAMES),
)


@given(entries=st.lists(_ENTRIES, max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
def test_no_archive_ever_reaches_outside(tmp_path_factory: pytest.TempPathFactory, entries: list[tuple]) -> None:
    place = tmp_path_factory.mktemp("deep")
    out = place / "w" / "out"
    out.parent.mkdir()
    data = tar_of(*entries)
    try:
        unpack(io.BytesIO(data), None, "the archive")
    except ArtifactMistyped:
        with pytest.raises(ArtifactMistyped):
            unpack(io.BytesIO(data), out, "the archive")
    else:
        unpack(io.BytesIO(data), out, "the archive")
    assert [one.name for one in place.iterdir()] == ["w"] and [one.name for one in out.parent.iterdir()] == ["out"]
    for one in out.rglob("*"):
        if one.is_symlink():
            try:
                reached = one.resolve(strict=False)
            except (RuntimeError, OSError):
                continue  # a link to itself
            assert reached == out or out in reached.parents
