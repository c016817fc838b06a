"""Settings of the server come from its environment; a bad one is named."""

from pathlib import Path

import pytest

from lockgate.config.settings import Settings, read_settings
from lockgate.core.environment import Listen
from lockgate.core.errors import Invalid

FOLDER = Path("/srv/project")


def refused(**variables: str) -> list[str]:
    with pytest.raises(Invalid) as found:
        read_settings({"HOME": "/home/ann", **variables}, FOLDER)
    return [problem.sentence() for problem in found.value.problems]


def test_defaults_follow_the_users_home() -> None:
    home = Path("/home/ann/.local/share/lockgate")
    assert read_settings({"HOME": "/home/ann"}, FOLDER) == Settings(
        home=home,
        data=home,
        environments=FOLDER / "environments.yaml",
        database=f"sqlite:///{home}/lockgate.db",
        listen=Listen("127.0.0.1", 7070),
    )


def test_the_data_folder_follows_xdg() -> None:
    assert read_settings({"HOME": "/home/ann", "XDG_DATA_HOME": "/data"}, FOLDER).home == Path("/data/lockgate")
    relative = read_settings({"HOME": "/home/ann", "XDG_DATA_HOME": "data"}, FOLDER)
    assert relative.home == Path("/home/ann/.local/share/lockgate")


def test_every_setting_can_be_given(tmp_path: Path) -> None:
    envoy = tmp_path / "envoy"
    envoy.touch(mode=0o755)
    settings = read_settings(
        {
            "LOCKGATE_HOME": "state",
            "LOCKGATE_DATA": "/data",
            "LOCKGATE_ENVIRONMENTS": "conf/environments.yaml",
            "LOCKGATE_DATABASE": "postgresql://ann:secret@db/lockgate",
            "LOCKGATE_LISTEN": "7171",
            "LOCKGATE_LEASE": "30s",
            "LOCKGATE_POLL": "250ms",
            "LOCKGATE_ENVOY": str(envoy),
            "LOCKGATE_PORTS": "21000-21999",
            "LOCKGATE_PUBLIC_URL": "https://deploy.example.org/",
            "LOCKGATE_NOTIFY_LINK_LOCAL": "true",
            "LOCKGATE_LOG_LEVEL": "debug",
        },
        FOLDER,
    )
    assert settings == Settings(
        home=FOLDER / "state",
        data=Path("/data"),
        environments=FOLDER / "conf/environments.yaml",
        database="postgresql://ann:secret@db/lockgate",
        listen=Listen("127.0.0.1", 7171),
        lease=30.0,
        poll=0.25,
        envoy=envoy,
        ports=(21000, 21999),
        public_url="https://deploy.example.org",
        notify_link_local=True,
        log_level="debug",
    )
    assert "secret" not in repr(settings)


def test_an_empty_variable_is_not_set() -> None:
    assert read_settings({"HOME": "/home/ann", "LOCKGATE_LEASE": ""}, FOLDER).lease == 10.0


def test_all_bad_variables_are_named_at_once() -> None:
    found = refused(
        LOCKGATE_LEASE="soon", LOCKGATE_LISTEN="0.0.0.0:80", LOCKGATE_PORTS="9-8", LOCKGATE_LOG_LEVEL="loud",
        LOCKGATE_ENVOY="/nonesuch/envoy",
    )  # fmt: skip
    assert found == [
        "environment variable: LOCKGATE_LISTEN: the API on 0.0.0.0 would be in reach of the network, and it speaks no "
        "TLS. Listen on 127.0.0.1 and put a proxy with TLS in front of it.",
        "environment variable: LOCKGATE_LEASE: expected a lease such as 10s, got 'soon'. The units are s, ms, m, h.",
        "environment variable: LOCKGATE_ENVOY: /nonesuch/envoy is not a program. Name an executable file, or unset the "
        "variable.",
        "environment variable: LOCKGATE_PORTS: 9-8 is not a range of free ports. Ports for instances are 1024 to "
        "65535.",
        "environment variable: LOCKGATE_LOG_LEVEL: 'loud' is not a log level; there are: debug, info, warning, error. "
        "Write one of: debug, info, warning, error.",
    ]


def test_a_database_that_is_not_known_is_not_quoted_back() -> None:
    (found,) = refused(LOCKGATE_DATABASE="mysql://ann:secret@db/x")
    assert "LOCKGATE_DATABASE" in found
    assert "secret" not in found


def test_a_lease_must_outlast_several_polls() -> None:
    (found,) = refused(LOCKGATE_LEASE="3s", LOCKGATE_POLL="2s")
    assert "LOCKGATE_POLL: 2s is too long for a lease of 3s." in found


def test_a_misspelt_setting_is_not_passed_over() -> None:
    (found,) = refused(LOCKGATE_LEASES="5s")
    assert found == "environment variable: LOCKGATE_LEASES: there is no such setting. Did you mean LOCKGATE_LEASE?"


def test_variables_of_other_purposes_are_left_alone() -> None:
    others = {"LOCKGATE_ENVIRONMENT": "dev", "LOCKGATE_URL": "x", "LOCKGATE_ACTOR": "ann", "LOCKGATE_TOKEN": "t"}
    assert read_settings({"HOME": "/home/ann", **others}, FOLDER).lease == 10.0
