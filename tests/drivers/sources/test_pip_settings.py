"""Where pip would look, uv looks, too."""

from pathlib import Path

import pytest

from lockgate.drivers.pip_settings import UvSettings, uv_settings


@pytest.fixture
def configured(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """A home folder with a pip.conf, and nothing of this machine."""
    place = tmp_path / ".config" / "pip"
    place.mkdir(parents=True)
    (tmp_path / "links").mkdir()
    (place / "pip.conf").write_text(
        "[global]\nindex-url = https://index.example/simple\ncert = /certs/ca.pem\n"
        f"find-links =\n    {tmp_path / 'links'}\n    /nowhere\n"
        "[install]\nextra-index-url = https://one.example/simple\n    https://two.example/simple\n"
    )
    return {"XDG_CONFIG_DIRS": str(tmp_path / "none")}, tmp_path


def test_pip_conf_is_told_to_uv(configured: tuple[dict[str, str], Path]) -> None:
    environ, home = configured
    assert uv_settings(environ, home).environment == {
        "UV_DEFAULT_INDEX": "https://index.example/simple",
        "UV_INDEX": "https://one.example/simple https://two.example/simple",
        "UV_INDEX_STRATEGY": "unsafe-best-match",
        "UV_FIND_LINKS": str(home / "links"),
        "SSL_CERT_FILE": "/certs/ca.pem",
    }


def test_the_environment_of_pip_wins_over_its_files(configured: tuple[dict[str, str], Path]) -> None:
    environ, home = configured
    changed = environ | {"PIP_INDEX_URL": "https://env.example/simple", "PIP_NO_INDEX": "true"}
    found = uv_settings(changed, home)
    assert found.environment["UV_DEFAULT_INDEX"] == "https://env.example/simple" and found.words == ("--no-index",)
    assert uv_settings(environ | {"SSL_CERT_FILE": "/own.pem"}, home).environment.get("SSL_CERT_FILE") is None


def test_whoever_configured_uv_is_left_alone(configured: tuple[dict[str, str], Path]) -> None:
    environ, home = configured
    assert uv_settings(environ | {"UV_INDEX_URL": "https://uv.example"}, home) == UvSettings()
    (home / ".config" / "uv").mkdir()
    (home / ".config" / "uv" / "uv.toml").write_text("")
    assert uv_settings(environ, home) == UvSettings()


def test_the_files_can_be_turned_off_and_may_be_broken(configured: tuple[dict[str, str], Path]) -> None:
    environ, home = configured
    assert uv_settings(environ | {"PIP_CONFIG_FILE": "/dev/null"}, home) == UvSettings()
    (home / ".config" / "pip" / "pip.conf").write_text("index-url without a section")
    assert "UV_DEFAULT_INDEX" not in uv_settings(environ, home).environment
