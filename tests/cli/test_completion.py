"""Completion: a script for each shell, and a shell that takes it."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Run


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_gets_a_script(run: Run, shell: str) -> None:
    ran = run("completion", shell)
    assert (ran.code, ran.err) == (0, "")
    assert "lockgate" in ran.out


def test_an_unknown_shell_is_refused(run: Run) -> None:
    assert run("completion", "tcsh").code == 2


def test_bash_takes_the_script(run: Run, tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("bash is not here")
    script = tmp_path / "completion"
    script.write_text(run("completion", "bash").out)
    words = "source completion; complete -p lockgate"
    done = subprocess.run([bash, "-c", words], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.rstrip().endswith(" lockgate")
    assert done.stderr == ""
