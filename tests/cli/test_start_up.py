"""A command imports only what it needs: what it would load else is named, not timed."""

import os
import subprocess
import sys

import pytest

from tests.cli.double import Double

LOADED = """
import sys
from lockgate.cli.main import main
code = main()
print(" ".join(sorted(sys.modules)), file=sys.stderr)
sys.exit(code)
"""

HEAVY = {"rich", "yaml", "httpx2", "sqlalchemy", "starlette", "asyncio", "lockgate.config", "lockgate.wiring"}


def loaded_by(*words: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", LOADED, *words], capture_output=True, text=True, check=True, env={**os.environ}
    )
    return set(done.stderr.split())


def test_the_version_needs_no_parser_and_no_client() -> None:
    loaded = loaded_by("--version")
    assert loaded & {"cyclopts", "msgspec", "http.client", "lockgate.client", "lockgate.messages", *HEAVY} == set()


@pytest.mark.parametrize(
    "words", [("status",), ("deploy", "--to", "dev", "--app", "x"), ("watch", "7"), ("logs", "dev", "--app", "x")]
)
def test_a_command_into_a_pipe_loads_neither_rich_nor_the_server(double: Double, words: tuple[str, ...]) -> None:
    assert loaded_by(*words) & HEAVY == set()
