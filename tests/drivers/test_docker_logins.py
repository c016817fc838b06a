"""Logins as docker login and podman login leave them."""

import base64
import json
from pathlib import Path

import pytest

from lockgate.core.errors import ComponentMissing, Denied, Invalid, Unavailable
from lockgate.core.secret import Secret
from lockgate.drivers.docker_logins import DockerLogins
from lockgate.drivers.logins import Login
from lockgate.drivers.registry import HUB

PASSWORD = "correct:horse"


def entry(username: str = "ann", password: str = PASSWORD) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{username}:{password}".encode()).decode()}


def auths(**entries: object) -> str:
    return json.dumps({"auths": {name.replace("_", "."): value for name, value in entries.items()}})


def put(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def helper(folder: Path, script: str) -> dict[str, str]:
    """``docker-credential-kept`` on a PATH, which finds in ``asked`` what it was asked."""
    program = Path(put(folder / "bin/docker-credential-kept", f"#!/bin/sh\ncat > {folder}/asked\n{script}\n"))
    program.chmod(0o755)
    return {"PATH": f"{folder}/bin:/usr/bin:/bin"}


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/usr/bin:/bin")


def test_the_first_place_that_knows_a_registry_wins(tmp_path: Path) -> None:
    env = {
        "DOCKER_AUTH_CONFIG": auths(r_example=entry("text")),
        "REGISTRY_AUTH_FILE": put(tmp_path / "named.json", auths(r_example=entry("no"), a_example=entry("file"))),
        "DOCKER_CONFIG": str(tmp_path / "docker"),
        "HOME": str(tmp_path / "home"),
        "XDG_RUNTIME_DIR": str(tmp_path / "run"),
    }
    put(tmp_path / "docker/config.json", auths(a_example=entry("no"), b_example=entry("docker")))
    put(tmp_path / "home/.docker/config.json", auths(b_example=entry("no"), c_example=entry("home")))
    put(tmp_path / "run/containers/auth.json", auths(c_example=entry("no"), d_example=entry("podman")))
    logins = DockerLogins(env)
    names = [login.username for host in "rabcd" if (login := logins(f"{host}.example"))]
    assert names == ["text", "file", "docker", "home", "podman"]
    assert logins("e.example") is None


def test_a_login_that_comes_later_is_seen(tmp_path: Path) -> None:
    logins = DockerLogins({"HOME": str(tmp_path)})
    assert logins("r.example") is None
    put(tmp_path / ".docker/config.json", auths(r_example=entry()))
    assert logins("r.example") == Login("ann", Secret(PASSWORD))


def test_an_identity_token_is_one(tmp_path: Path) -> None:
    text = auths(r_example={**entry("00000000-0000-0000-0000-000000000000", ""), "identitytoken": "tok"})
    assert DockerLogins({"DOCKER_AUTH_CONFIG": text})("r.example") == Login("", Secret(""), Secret("tok"))


@pytest.mark.parametrize("key", ["https://r.example/v1/", "http://r.example", "r.example/", "https://r.example/v2/"])
def test_addresses_of_older_dockers_are_understood(key: str) -> None:
    logins = DockerLogins({"DOCKER_AUTH_CONFIG": json.dumps({"auths": {"s.example": {}, key: entry()}})})
    assert logins("r.example") == Login("ann", Secret(PASSWORD))


def test_a_login_for_a_part_of_a_registry_is_not_for_the_whole() -> None:
    assert DockerLogins({"DOCKER_AUTH_CONFIG": json.dumps({"auths": {"r.example/team": entry()}})})("r.example") is None


def test_docker_hub_is_known_by_the_address_that_docker_login_writes() -> None:
    key = "https://index." + ".".join(("docker", "io")) + "/v1/"
    assert DockerLogins({"DOCKER_AUTH_CONFIG": json.dumps({"auths": {key: entry()}})})(HUB) is not None


@pytest.mark.parametrize(
    "config", [{"credHelpers": {"r.example": "kept"}}, {"credsStore": "kept", "auths": {"r.example": {}}}]
)
def test_a_credential_helper_is_asked(tmp_path: Path, config: dict[str, object]) -> None:
    env = helper(tmp_path, """echo '{"ServerURL":"r.example","Username":"bob","Secret":"s3cret"}'""")
    found = DockerLogins({**env, "DOCKER_AUTH_CONFIG": json.dumps(config)})("r.example")
    assert found == Login("bob", Secret("s3cret"))
    assert (tmp_path / "asked").read_text() == "r.example"


def test_a_helper_may_give_an_identity_token(tmp_path: Path) -> None:
    env = helper(tmp_path, """echo '{"Username":"<token>","Secret":"tok"}'""")
    found = DockerLogins({**env, "DOCKER_AUTH_CONFIG": '{"credsStore": "kept"}'})("r.example")
    assert found == Login("", Secret(""), Secret("tok"))


def test_where_a_helper_has_nothing_the_next_place_is_looked_at(tmp_path: Path) -> None:
    env = helper(tmp_path, "echo credentials not found in native keychain; exit 1")
    env |= {"DOCKER_AUTH_CONFIG": '{"credsStore": "kept"}', "HOME": str(tmp_path)}
    put(tmp_path / ".docker/config.json", auths(r_example=entry()))
    found = DockerLogins(env)("r.example")
    assert found is not None and found.username == "ann"


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ("echo s3cret; echo s3cret >&2; exit 3", Denied),
        ('echo \'{"Username": "bob", "Secret": s3cret\'', Denied),
        ("exec sleep 30", Unavailable),
    ],
)
def test_a_helper_that_fails_is_named_and_what_it_printed_is_not_shown(
    tmp_path: Path, script: str, error: type[Exception]
) -> None:
    env = helper(tmp_path, script) | {"DOCKER_AUTH_CONFIG": '{"credsStore": "kept"}'}
    with pytest.raises(error) as told:
        DockerLogins(env, patience=0.5)("r.example")
    assert "docker-credential-kept" in str(told.value)
    assert "s3cret" not in str(told.value)


def test_a_helper_that_is_not_installed_is_named() -> None:
    with pytest.raises(ComponentMissing, match="docker-credential-nowhere"):
        DockerLogins({"DOCKER_AUTH_CONFIG": '{"credsStore": "nowhere"}'})("r.example")


@pytest.mark.parametrize(
    "text", ['{"auths": s3cret', '{"auths": {"r.example": {"auth": "s3cret!"}}}', '{"auths": {"r.example": "s3cret"}}']
)
def test_a_file_that_cannot_be_understood_is_named_and_not_shown(tmp_path: Path, text: str) -> None:
    place = put(tmp_path / ".docker/config.json", text)
    with pytest.raises(Invalid) as told:
        DockerLogins({"HOME": str(tmp_path)})("r.example")
    assert place in str(told.value)
    assert "s3cret" not in str(told.value)
    assert told.value.__cause__ is None


def test_a_store_is_asked_for_docker_hub_by_the_address_that_docker_login_writes(tmp_path: Path) -> None:
    env = helper(tmp_path, """echo '{"Username":"bob","Secret":"s3cret"}'""")
    assert DockerLogins({**env, "DOCKER_AUTH_CONFIG": '{"credsStore": "kept"}'})(HUB) is not None
    assert (tmp_path / "asked").read_text() == "https://index." + ".".join(("docker", "io")) + "/v1/"
