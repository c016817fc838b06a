"""Images of the Docker target: pulled by digest, refused with a reason, remembered as ours, and collected."""

import contextlib
import hashlib
import itertools
import json
import os
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import docker
import httpx2
import pytest
from tests.conftest import require_real

from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import ArtifactAltered, ArtifactMissing, PreparationFailed, StorageFull, Unavailable
from lockgate.core.ids import Digest
from lockgate.core.inventory import Condition
from lockgate.core.secret import Secret
from lockgate.drivers.logins import Login
from lockgate.drivers.preparation import PAUSE
from lockgate.drivers.targets.docker.engine import Engine
from lockgate.drivers.targets.docker.images import Images, explained
from lockgate.ports import Phase, Polled
from lockgate.testing.contracts.target import FENCE, KEY, made_ready
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.images import build, push
from lockgate.testing.waiting import wait_until

pytestmark = pytest.mark.real
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
INDEX = "application/vnd.docker.distribution.manifest.list.v2+json"

USERS = "me:$2y$04$vEP4yay9EB.QAwC77Ninoeyd5yfj7gCQX98Y4dYhSovEjQsK1uipi\n"
"""An htpasswd file: ``me`` with the password ``xyzzy``."""

MakeImage = Callable[..., Artifact]


@pytest.fixture
def client(docker_engine: DockerEngine) -> Iterator[docker.DockerClient]:
    with contextlib.closing(docker_engine.client()) as made:
        yield made


@pytest.fixture
def make_image(client: docker.DockerClient, image_registry: ImageRegistry) -> MakeImage:
    """An image of a few bytes, in the registry and, unless asked for, not on the engine."""

    def make(image: str = "", registry: str = image_registry.host, keep: bool = False) -> Artifact:
        image = image or f"{registry}/small-{os.urandom(3).hex()}"
        build(client, f"{image}:1", "scratch", {"content": os.urandom(16)}, ['CMD ["/content"]'])
        digest = push(client, f"{image}:1")
        if not keep:
            client.images.remove(f"{image}:1", force=True)
        return Artifact(ArtifactKind.OCI, image, "1", Digest(digest), f"oci:{image}:1")

    return make


@pytest.fixture
def on_engine(docker_engine: DockerEngine, tmp_path: Path) -> Iterator[Images]:
    engine = Engine(docker_engine.url)
    yield Images(engine, tmp_path / "images", "test", lambda _: None)
    engine.close()


def is_there(client: docker.DockerClient, artifact: Artifact) -> bool:
    with contextlib.suppress(docker.errors.ImageNotFound):
        return bool(client.images.get(f"{artifact.name}@{artifact.digest}"))
    return False


def all_of(client: docker.DockerClient) -> set[str]:
    return {str(image.id) for image in client.images.list(all=True)}


# --- a full disk ---


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, too small for an image of 30 MB."""
    folder = Path(tempfile.mkdtemp(prefix="lgs-"))
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", folder], capture_output=True, text=True)
    if made.returncode:
        require_real(f"No file system can be mounted here: {made.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=False)
    folder.rmdir()


def test_a_disk_that_is_full_delays_a_pull_and_leaves_nothing_half_made(
    small_disk: Path, docker_engine: DockerEngine, image_registry: ImageRegistry, tmp_path: Path
) -> None:
    image = f"{image_registry.host}/large:1"
    with contextlib.closing(docker_engine.client()) as client:
        build(client, image, "scratch", {"content": os.urandom(30 << 20)}, ['CMD ["/content"]'])
        digest = push(client, image)
        client.images.remove(image, force=True)
    artifact = Artifact(ArtifactKind.OCI, image.rpartition(":")[0], "1", Digest(digest), f"oci:{image}")
    (small_disk / "e").mkdir()
    with DockerEngine(small_disk / "e") as engine:
        ground = DockerGround(tmp_path / "home", engine, artifact)
        target = ground.target()
        spec = ground.good("1")
        told = wait_until(lambda: full(target.prepare(KEY, spec, FENCE)))
        assert told.phase is Phase.WORKING and "Free some space" in told.because
        with contextlib.closing(engine.client()) as client:
            assert client.images.list(all=True) == []
        subprocess.run(["mount", "-o", "remount,size=200m", small_disk], check=True)
        wait_until(lambda: target.prepare(KEY, spec, FENCE).phase is Phase.DONE, within=30)
        ground.clear()


def test_a_disk_that_is_full_delays_a_start_and_leaves_nothing_half_made(
    small_disk: Path, docker_engine: DockerEngine, image_registry: ImageRegistry, artifact: Artifact, tmp_path: Path
) -> None:
    subprocess.run(["mount", "-o", "remount,size=300m", small_disk], check=True)
    (small_disk / "e").mkdir()
    with DockerEngine(small_disk / "e") as engine, contextlib.closing(engine.client()) as client:
        ground = DockerGround(tmp_path / "home", engine, artifact)
        target, spec = ground.target(), ground.good("1")
        wait_until(lambda: target.prepare(KEY, spec, FENCE).phase is Phase.DONE, within=60)
        with (small_disk / "rubbish").open("wb") as rubbish, contextlib.suppress(OSError):
            while True:
                rubbish.write(bytes(1 << 20))
                rubbish.flush()

        def refusal() -> str:
            try:
                target.ensure(KEY, spec, 1, FENCE)
            except StorageFull as error:
                return error.mend
            return ""

        assert wait_until(refusal) == "Free some space on the engine's disk."
        assert not [i for i in target.observe(KEY).instances if i.condition is Condition.FAILED]
        wait_until(lambda: client.containers.list(all=True) == [])
        (small_disk / "rubbish").unlink()
        made_ready(ground, target, spec, 1)
        ground.clear()


def full(polled: Polled) -> Polled | None:
    return polled if "disk" in polled.because or "space" in polled.because else None


# --- pulling ---


def test_an_image_is_pulled_by_digest_though_its_tag_has_moved(
    ground: DockerGround, client: docker.DockerClient, make_image: MakeImage
) -> None:
    first = make_image()
    second = make_image(first.name)
    assert first.digest != second.digest
    target, spec = ground.target(), ground.sample(artifact=first)
    wait_until(lambda: target.prepare(KEY, spec, FENCE).phase is Phase.DONE)
    assert is_there(client, first) and not is_there(client, second)


def test_an_image_that_is_there_needs_no_registry(
    ground: DockerGround, client: docker.DockerClient, tmp_path: Path, make_image: MakeImage
) -> None:
    (tmp_path / "registry-own").mkdir()
    with ImageRegistry(tmp_path / "registry-own") as registry:
        artifact = make_image(registry=registry.host, keep=True)
        registry.stop()
        target, spec = ground.target(), ground.sample(artifact=artifact)
        wait_until(lambda: target.prepare(KEY, spec, FENCE).phase is Phase.DONE)


def test_a_registry_that_is_down_is_waited_for(ground: DockerGround, tmp_path: Path, make_image: MakeImage) -> None:
    (tmp_path / "registry-own").mkdir()
    with ImageRegistry(tmp_path / "registry-own") as registry:
        artifact = make_image(registry=registry.host)
        registry.stop()
        target, spec = ground.target(), ground.sample(artifact=artifact)

        def told() -> Polled:
            return target.prepare(KEY, spec, FENCE)

        wait_until(lambda: registry.host in told().because)
        assert told().phase is Phase.WORKING
        registry.start()
        wait_until(lambda: told().phase is Phase.DONE)


def test_a_registry_that_is_down_is_asked_less_and_less_often(
    ground: DockerGround, tmp_path: Path, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "registry-own").mkdir()
    with ImageRegistry(tmp_path / "registry-own") as registry:
        artifact = make_image(registry=registry.host)
        registry.stop()
        target, spec = ground.target(), ground.sample(artifact=artifact)
        pull, times = target._images._pull, []

        def noted(wanted: Artifact) -> None:
            times.append(time.monotonic())
            pull(wanted)

        monkeypatch.setattr(target._images, "_pull", noted)
        wait_until(lambda: target.prepare(KEY, spec, FENCE) and len(times) >= 4)
        pauses = [later - before for before, later in itertools.pairwise(times)]
        assert all(pause >= PAUSE * 2**number for number, pause in enumerate(pauses))


def test_an_image_that_the_registry_does_not_have_is_missing(
    on_engine: Images, make_image: MakeImage, client: docker.DockerClient
) -> None:
    artifact = make_image()
    with pytest.raises(ArtifactMissing, match=artifact.name.partition("/")[0]):
        on_engine.make(replace(artifact, digest=Digest("sha256:" + "0" * 64)))
    with pytest.raises(ArtifactMissing):
        on_engine.make(replace(artifact, name=f"{artifact.name}-nowhere"))


def test_a_registry_that_wants_a_login_gets_it_or_is_named(
    docker_engine: DockerEngine, tmp_path: Path, client: docker.DockerClient
) -> None:
    (tmp_path / "closed").mkdir()
    with ImageRegistry(tmp_path / "closed", users=USERS) as registry:
        name = f"{registry.host}/closed"
        build(client, f"{name}:1", "scratch", {"content": os.urandom(16)}, ['CMD ["/content"]'])
        digest = pushed_as(client, name, "me", "xyzzy")
        client.images.remove(f"{name}:1", force=True)
        artifact = Artifact(ArtifactKind.OCI, name, "1", Digest(digest), f"oci:{name}:1")
        logins: dict[str, Login] = {}
        engine = Engine(docker_engine.url)
        ours = Images(engine, tmp_path / "images", "test", logins.get)
        with pytest.raises(PreparationFailed, match=f"docker login {registry.host}"):
            ours.make(artifact)
        logins[registry.host] = Login("me", Secret("wrong"))
        with pytest.raises(PreparationFailed, match="docker login") as told:
            ours.make(artifact)
        assert "wrong" not in str(told.value)
        logins[registry.host] = Login("me", Secret("xyzzy"))
        assert ours.make(artifact).id
        engine.close()


def pushed_as(client: docker.DockerClient, name: str, user: str, password: str) -> str:
    login = {"username": user, "password": password}
    told = list(client.api.push(name, tag="1", stream=True, decode=True, auth_config=login))
    return next(str(line["aux"]["Digest"]) for line in told if "Digest" in line.get("aux", {}))


def test_an_image_for_another_platform_is_refused_with_both_named(
    on_engine: Images, make_image: MakeImage, client: docker.DockerClient
) -> None:
    artifact = make_image()
    with pytest.raises(PreparationFailed, match="linux/arm64") as told:
        on_engine.make(as_another_platform(artifact, index=False))
    assert "linux/amd64" in str(told.value)


def test_an_index_without_this_platform_is_refused(on_engine: Images, make_image: MakeImage) -> None:
    with pytest.raises(PreparationFailed, match="platform"):
        on_engine.make(as_another_platform(make_image(), index=True))


def as_another_platform(artifact: Artifact, index: bool) -> Artifact:
    """The same with another architecture in its configuration, or behind an index that says so."""
    registry, _, name = artifact.name.partition("/")
    at = f"http://{registry}/v2/{name}"
    manifest = httpx2.get(f"{at}/manifests/{artifact.digest}", headers={"Accept": MANIFEST}).json()
    settings = httpx2.get(f"{at}/blobs/{manifest['config']['digest']}").json()
    data = json.dumps({**settings, "architecture": "arm64"}).encode()
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    begun = httpx2.post(f"{at}/blobs/uploads/")
    httpx2.put(f"{begun.headers['location']}&digest={digest}", content=data).raise_for_status()
    manifest["config"] |= {"digest": digest, "size": len(data)}
    made = put_manifest(at, manifest, MANIFEST)
    if index:
        one = {"mediaType": MANIFEST, "size": len(json.dumps(manifest)), "digest": made}
        one["platform"] = {"os": "linux", "architecture": "arm64"}
        made = put_manifest(at, {"schemaVersion": 2, "mediaType": INDEX, "manifests": [one]}, INDEX)
    return replace(artifact, digest=Digest(made))


def put_manifest(at: str, manifest: object, kind: str) -> str:
    body = json.dumps(manifest).encode()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    httpx2.put(f"{at}/manifests/{digest}", content=body, headers={"Content-Type": kind}).raise_for_status()
    return digest


def test_a_registry_that_never_answers_is_told_with_how_far_it_has_come(
    ground: DockerGround, artifact: Artifact
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        held: list[socket.socket] = []
        accepting = threading.Thread(target=lambda: held.append(deaf.accept()[0]), daemon=True)
        accepting.start()
        name = f"127.0.0.1:{deaf.getsockname()[1]}/web"
        target, spec = ground.target(), ground.sample(artifact=replace(artifact, name=name))
        polled = target.prepare(KEY, spec, FENCE)
        assert polled.phase is Phase.WORKING and "being made ready" in polled.because
        accepting.join(10)
        for connection in held:
            connection.close()


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", StorageFull),
        ("no matching manifest for linux/amd64 in the manifest list entries", PreparationFailed),
        ("Head https://127.0.0.1:5000/v2/: no basic auth credentials", PreparationFailed),
        ("pull access denied for shop/web, repository does not exist", PreparationFailed),
        ("manifest for 127.0.0.1:5000/timeout@sha256:{} not found: manifest unknown", ArtifactMissing),
        ("Get http://127.0.0.1:5000/v2/: dial tcp 127.0.0.1:5000: connect: connection refused", Unavailable),
        ("received unexpected HTTP status: 503 Service Unavailable", Unavailable),
        ("toomanyrequests: You have reached your pull rate limit", Unavailable),
        ("filesystem layer verification failed for digest sha256:{}", ArtifactAltered),
        ("something new", PreparationFailed),
    ],
)
def test_what_engines_say_of_a_pull_is_understood(said: str, kind: type[Exception]) -> None:
    """Whatever the name of the image, which stands in it, may remind of."""
    digest = Digest("sha256:" + "502eof" * 10 + "5030")
    artifact = Artifact(ArtifactKind.OCI, "127.0.0.1:5000/timeout", "1", digest, "oci:x")
    told = explained(artifact, "127.0.0.1:5000", said.format(digest.removeprefix("sha256:")))
    assert type(told) is kind
    assert "127.0.0.1:5000" in str(told)


# --- collecting ---


def test_only_our_images_that_nothing_needs_are_collected(
    ground: DockerGround, client: docker.DockerClient, make_image: MakeImage
) -> None:
    target = ground.target()
    needed, unneeded, used, foreign = make_image(), make_image(), make_image(), make_image(keep=True)
    for artifact in (needed, unneeded, used, foreign):
        spec = ground.sample(artifact=artifact)
        wait_until(lambda spec=spec: target.prepare(KEY, spec, FENCE).phase is Phase.DONE)  # type: ignore[misc]
    stranger = client.containers.create(f"{used.name}@{used.digest}")
    try:
        assert target.collect([]) == (), "All of them were prepared of late."
        age(ground)
        removed = target.collect([needed])
        assert removed == (f"{unneeded.name}@{unneeded.digest}",)
        assert [is_there(client, one) for one in (needed, unneeded, used, foreign)] == [True, False, True, True]
        assert target.collect([needed]) == ()
    finally:
        stranger.remove()
    assert target.collect([]) and not is_there(client, used)
    assert is_there(client, foreign)


def age(ground: DockerGround) -> None:
    """It is long ago that any image was prepared."""
    for note in ground.settings.home.glob("docker/*/images/*.json"):
        os.utime(note, (0, 0))


def test_images_survive_a_pruning_by_others_and_are_known_to_the_next_control_plane(
    ground: DockerGround, client: docker.DockerClient, make_image: MakeImage
) -> None:
    artifact, target = make_image(), ground.target()
    spec = ground.sample(artifact=artifact)
    wait_until(lambda: target.prepare(KEY, spec, FENCE).phase is Phase.DONE)
    client.images.prune()
    age(ground)
    assert is_there(client, artifact)
    assert ground.target().collect([]) == (f"{artifact.name}@{artifact.digest}",)
    assert not is_there(client, artifact)


def test_an_image_that_somebody_has_given_another_name_keeps_that(
    on_engine: Images, client: docker.DockerClient, make_image: MakeImage
) -> None:
    artifact = make_image()
    on_engine.make(artifact)
    client.api.tag(f"{artifact.name}@{artifact.digest}", "somebody/elses", "1")
    try:
        assert on_engine.collect([], 0.0)
        assert client.images.get("somebody/elses:1")
    finally:
        client.images.remove("somebody/elses:1")


def test_an_image_removed_behind_our_back_is_fetched_again(
    ground: DockerGround, client: docker.DockerClient, artifact: Artifact, image_registry: ImageRegistry
) -> None:
    name = f"{image_registry.host}/copy-{os.urandom(3).hex()}"
    client.api.tag(f"{artifact.name}@{artifact.digest}", name, "1")
    digest = push(client, f"{name}:1")
    copy = replace(artifact, name=name, digest=Digest(digest))
    target, spec = ground.target(), ground.sample(artifact=copy)
    made_ready(ground, target, spec, 1)
    target.end_all()
    for tag in client.images.get(f"{name}@{digest}").tags:
        if tag.startswith((name, "lockgate/")):
            client.images.remove(tag)
    with contextlib.suppress(docker.errors.ImageNotFound):
        client.images.remove(f"{name}@{digest}")
    with pytest.raises(Unavailable, match="removed"):
        target.ensure(KEY, spec, 1, FENCE)
    assert len(made_ready(ground, target, spec, 1)) == 1
