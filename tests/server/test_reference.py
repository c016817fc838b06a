"""What is written down, and what is shipped."""

import subprocess
import sys
import zipfile
from pathlib import Path

from lockgate.server.app import ENDPOINTS
from lockgate.server.reference import reference

ROOT = Path(__file__).parents[2]


def test_the_api_reference_is_what_the_table_says() -> None:
    written = (ROOT / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
    assert written == reference(), "run: python -m lockgate.server.reference > docs/reference/api.md"
    assert all(f"## `{e.method} {e.path}`" in written for e in ENDPOINTS)


def test_the_wheel_holds_the_console(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    server = ROOT / "src" / "lockgate" / "server"
    shipped = [p for folder in ("templates", "static") for p in (server / folder).iterdir()]
    assert shipped and all(f"lockgate/server/{p.parent.name}/{p.name}" in names for p in shipped)
