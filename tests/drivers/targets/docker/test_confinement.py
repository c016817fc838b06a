"""What an instance finds inside, what it may do, and what nobody gets to see."""

import contextlib
import json
import secrets
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from lockgate.core.application import Container, Resources
from lockgate.core.artifact import Artifact, ArtifactKind
from lockgate.core.errors import ComponentMissing, Invalid
from lockgate.core.ids import Digest, digest_of
from lockgate.core.inventory import Instance
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.drivers.targets.docker import DockerTarget
from lockgate.testing.contracts.target import FENCE, KEY, made_ready, prepared
from lockgate.testing.docker_engine import DockerEngine, ImageRegistry
from lockgate.testing.docker_ground import DockerGround
from lockgate.testing.images import PYTHON, build, push
from lockgate.testing.waiting import wait_until
from tests.drivers.targets.docker.seeing import ask, container_of, containers

pytestmark = pytest.mark.real

PASSWORD = "correct horse battery staple"
TOKEN = SecretSource(SecretStore.VARIABLE, "TOKEN_OF_TESTS")


def read(instance: Instance, path: str) -> str:
    """A file, as the program sees it."""
    return ask(instance, f"/file?path={path}")


def status(instance: Instance) -> dict[str, str]:
    """What the kernel says of the program."""
    lines = read(instance, "/proc/self/status").splitlines()
    return {name: rest.strip() for name, _, rest in (line.partition(":") for line in lines)}


def write(api: docker.APIClient, instance: Instance, path: str) -> str:
    """Tries to write a file inside. Returns what went wrong."""
    words = [PYTHON, "-I", "-S", "-c", f"open({path!r}, 'w').write('written')"]
    run = api.exec_create(container_of(api, instance)["Id"], words)
    return str(api.exec_start(run["Id"]).decode())


# --- what it finds ---


def test_an_instance_finds_what_it_was_promised(ground: DockerGround, target: DockerTarget, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("to be read")
    data = Artifact(ArtifactKind.FILE, str(tmp_path / "data.txt"), "", digest_of("data"), "file:data.txt")
    env = {"COLOUR": "blue", "DATA": "{files.data.txt}", "PLACE": "{work}"}
    spec = ground.sample("--version", "9", env=env, files={"data.txt": data})
    (instance,) = made_ready(ground, target, spec, 1)
    assert ask(instance, "/version") == "9"
    assert ask(instance, "/env?name=COLOUR") == "blue"
    assert ask(instance, "/env?name=LOCKGATE_REVISION") == spec.revision
    assert ask(instance, "/env?name=LOCKGATE_INSTANCE") == instance.id
    assert instance.endpoint == f"{ask(instance, '/env?name=HOST')}:{ask(instance, '/env?name=PORT')}"
    assert ask(instance, "/env?name=PLACE") == "/lockgate"
    assert ask(instance, "/env?name=DATA") == "/lockgate/data.txt"
    assert read(instance, "/lockgate/data.txt") == "to be read"


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("{artifact}", r"\{artifact\} has no meaning .* \(there are: \{host\}, \{port\}, \{work\}\)"),
        ("{files.nonesuch}", r"\{files.nonesuch\} has no meaning"),
        ("{secrets.nonesuch}", r"\{secrets.nonesuch\} has no meaning"),
    ],
)
def test_a_placeholder_without_meaning_is_refused_and_nothing_is_made(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, word: str, sentence: str
) -> None:
    with pytest.raises(Invalid, match=sentence):
        target.ensure(KEY, ground.sample(word), 1, FENCE)
    assert containers(api, target) == []


# --- secrets ---


@pytest.mark.parametrize("user", ["", "65534", "1234:5678"])
def test_a_secret_is_a_file_that_its_program_alone_may_read_and_nobody_is_shown(
    ground: DockerGround,
    target: DockerTarget,
    api: docker.APIClient,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    user: str,
) -> None:
    monkeypatch.setenv(TOKEN.name, PASSWORD)
    spec = ground.sample(
        secrets={"token": TOKEN}, env={"TOKEN_FILE": "{secrets.token}"}, container=Container(user=user, read_only=True)
    )
    (instance,) = made_ready(ground, target, spec, 1)
    assert ask(instance, "/env?name=TOKEN_FILE") == "/run/secrets/token"
    assert read(instance, "/run/secrets/token") == PASSWORD
    described = container_of(api, instance)
    mode = api.get_archive(described["Id"], "/run/secrets/token")[1]["mode"]
    assert mode & 0o777 == 0o400
    image = api.inspect_image(described["Image"]), api.history(described["Image"])
    assert PASSWORD not in json.dumps([described, image])
    assert PASSWORD not in caplog.text
    assert PASSWORD not in target.logs(KEY, instance.id, 0, 10_000).text


def test_a_secret_goes_with_its_instance(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TOKEN.name, PASSWORD)
    (instance,) = made_ready(ground, target, ground.sample(secrets={"token": TOKEN}), 1)
    places = [Path(mount["Source"]) for mount in container_of(api, instance)["Mounts"]]
    assert [(place / "token").read_text() for place in places] == [PASSWORD]
    target.retire(KEY, [instance.id], FENCE)
    wait_until(lambda: not containers(api, target))
    assert not any(place.exists() for place in places)


def test_a_secret_that_is_missing_is_told_before_anything_is_made(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(TOKEN.name, raising=False)
    spec = ground.sample(secrets={"token": TOKEN})
    prepared(ground, target, spec)
    with pytest.raises(ComponentMissing, match=f"variable {TOKEN.name} is not there"):
        target.ensure(KEY, spec, 1, FENCE)
    assert containers(api, target) == []


@pytest.fixture
def named_user(docker_engine: DockerEngine, image_registry: ImageRegistry, artifact: Artifact) -> Artifact:
    """The sample application, run as somebody whom only the image knows by number."""
    image = f"{image_registry.host}/sample/named"
    files = {"passwd": b"app:x:1234:1234::/:/bin/false\n"}
    lines = ["COPY passwd /etc/passwd", "USER app"]
    with contextlib.closing(docker_engine.client()) as client:
        build(client, f"{image}:1", f"{artifact.name}:{artifact.version}", files, lines)
        digest = push(client, f"{image}:1")
    return Artifact(ArtifactKind.OCI, image, "1", Digest(digest), f"oci:{image}:1")


def test_a_user_whom_only_the_image_knows_may_read_what_is_meant_for_it(
    ground: DockerGround, target: DockerTarget, named_user: Artifact, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(TOKEN.name, PASSWORD)
    (tmp_path / "data.txt").write_text("to be read")
    (tmp_path / "data.txt").chmod(0o600)
    data = Artifact(ArtifactKind.FILE, str(tmp_path / "data.txt"), "", digest_of("data"), "file:data.txt")
    spec = ground.sample(artifact=named_user, secrets={"token": TOKEN}, files={"data.txt": data})
    (instance,) = made_ready(ground, target, spec, 1)
    assert status(instance)["Uid"].split()[0] == "1234"
    assert read(instance, "/run/secrets/token") == PASSWORD
    assert read(instance, "/lockgate/data.txt") == "to be read"


# --- what it may ---


def test_what_nothing_is_said_of_is_closed(ground: DockerGround, target: DockerTarget, api: docker.APIClient) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    host = container_of(api, instance)["HostConfig"]
    assert host["Init"] is True
    assert host["SecurityOpt"] == ["no-new-privileges"]
    assert sorted(host["CapDrop"]) == ["AUDIT_WRITE", "MKNOD", "NET_RAW"]
    assert not host["Privileged"]
    told = status(instance)
    assert told["NoNewPrivs"] == "1"
    net_raw = 1 << 13
    assert not int(told["CapEff"], 16) & net_raw


def test_capabilities_are_exactly_those_that_are_named(ground: DockerGround, target: DockerTarget) -> None:
    spec = ground.sample(container=Container(capabilities=("NET_BIND_SERVICE",), gain_privileges=True))
    (instance,) = made_ready(ground, target, spec, 1)
    told = status(instance)
    assert int(told["CapEff"], 16) == 1 << 10
    assert told["NoNewPrivs"] == "0"


def test_a_root_that_is_closed_for_writing_has_writable_scratch_folders(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient
) -> None:
    spec = ground.sample(container=Container(read_only=True, scratch=("/tmp", "/var/cache")))
    (instance,) = made_ready(ground, target, spec, 1)
    assert "Read-only file system" in write(api, instance, "/x")
    assert write(api, instance, "/var/cache/x") == ""
    assert read(instance, "/var/cache/x") == "written"


def test_limits_of_the_spec_hold(ground: DockerGround, target: DockerTarget, api: docker.APIClient) -> None:
    limits = Resources(memory_bytes=128 << 20, cpu=0.5, pids=50, open_files=99)
    (instance,) = made_ready(ground, target, ground.sample(resources=limits), 1)
    host = container_of(api, instance)["HostConfig"]
    assert (host["Memory"], host["MemorySwap"], host["NanoCpus"], host["PidsLimit"]) == (
        128 << 20,
        128 << 20,
        500_000_000,
        50,
    )
    (files,) = [line for line in read(instance, "/proc/self/limits").splitlines() if line.startswith("Max open files")]
    assert files.split()[3:5] == ["99", "99"]


def test_output_is_kept_within_bounds(ground: DockerGround, target: DockerTarget, api: docker.APIClient) -> None:
    (instance,) = made_ready(ground, target, ground.good("1"), 1)
    kept = container_of(api, instance)["HostConfig"]["LogConfig"]
    settings = ground.settings
    assert kept == {
        "Type": "json-file",
        "Config": {"max-size": str(settings.log_bytes), "max-file": str(settings.log_files)},
    }


# --- mounts ---


@pytest.fixture
def volume(api: docker.APIClient) -> Iterator[str]:
    name = f"data-{secrets.token_hex(4)}"
    yield name
    api.remove_volume(name, force=True)


def test_a_volume_outlives_the_instance(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, volume: str
) -> None:
    spec = ground.sample(container=Container(mounts={"/srv/data": volume}))
    (first,) = made_ready(ground, target, spec, 1)
    assert write(api, first, "/srv/data/x") == ""
    target.retire(KEY, [first.id], FENCE)
    wait_until(lambda: not containers(api, target))
    (second,) = made_ready(ground, target, spec, 1)
    assert read(second, "/srv/data/x") == "written"
    target.end_all()
    assert api.inspect_volume(volume)


def test_a_folder_of_the_machine_can_be_closed_for_writing(
    ground: DockerGround, target: DockerTarget, api: docker.APIClient, tmp_path: Path
) -> None:
    for name in ("open", "closed"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "there").write_text(name)
    mounts = {"/open": str(tmp_path / "open"), "/closed": f"{tmp_path}/closed:ro"}
    (instance,) = made_ready(ground, target, ground.sample(container=Container(mounts=mounts)), 1)
    assert read(instance, "/closed/there") == "closed"
    assert "Read-only file system" in write(api, instance, "/closed/x")
    assert write(api, instance, "/open/x") == ""
    assert (tmp_path / "open" / "x").read_text() == "written"
