"""``lockgate artifact show`` looks from here, without a server."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.drivers.images import Hostile, Reply, digest_of, hostile, manifest, told

KIND = "application/vnd.dev.cosign.simplesigning.v1+json"


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hostile]:
    """With a signed image, for whoever; and no logins of whoever runs the tests."""
    for name in ("DOCKER_AUTH_CONFIG", "REGISTRY_AUTH_FILE", "DOCKER_CONFIG", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    with hostile() as one:
        tag = one.image().replace(":", "-") + ".sig"
        one.pages[f"/v2/shop/web/manifests/{tag}"] = Reply(manifest(b"{}", [told(b"signed", KIND)]))
        yield one


def test_an_image_is_told_with_its_platforms_and_what_is_attached(run: Run, registry: Hostile) -> None:
    digest = digest_of(registry.pages["/v2/shop/web/manifests/1"].data)
    ran = run("artifact", "show", f"oci:{registry.host}/shop/web:1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == (
        f"oci:{registry.host}/shop/web 1\n"
        f"  digest     {digest}\n"
        f"  platforms  linux/amd64\n"
        f"  attached (not checked)\n"
        f"    {KIND}  {digest_of(b'signed')}\n"
    )


def test_as_json_it_is_one_value(run: Run, registry: Hostile) -> None:
    found = json.loads(run("artifact", "show", f"oci:{registry.host}/shop/web:1", "--json").out)
    assert (found["kind"], found["version"], found["platforms"]) == ("oci", "1", ["linux/amd64"])
    assert found["attachments"] == [{"kind": KIND, "digest": digest_of(b"signed"), "size": 6, "annotations": {}}]


def test_other_artifacts_are_told_by_their_digest(run: Run) -> None:
    Path("page.html").write_text("hello")
    ran = run("artifact", "show", "file:page.html")
    assert ran.code == 0
    assert digest_of(b"hello") in ran.out
    assert "platforms" not in ran.out


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [("shop/web:2", 1, "has no"), ("shop/web", 2, "neither a tag nor a digest"), ("shop/locked:1", 1, "docker login")],
)
def test_what_cannot_be_had_is_a_sentence(run: Run, registry: Hostile, name: str, code: int, words: str) -> None:
    registry.before.append(lambda asked: Reply(status=401) if "locked" in asked.path else None)
    ran = run("artifact", "show", f"oci:{registry.host}/{name}")
    assert (ran.code, ran.out) == (code, "")
    assert ran.err.startswith("error: ") and words in ran.err


def test_a_registry_that_is_down_is_named(run: Run) -> None:
    with hostile() as gone:
        host = gone.host
    ran = run("artifact", "show", f"oci:{host}/shop/web:1")
    assert (ran.code, ran.out) == (3, "")
    assert f"The registry {host} cannot be asked" in ran.err
