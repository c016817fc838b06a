"""Rolling blue-green through two cells of this machine, with real processes and Envoy, under traffic in both."""

from pathlib import Path

import pytest
from tests.acceptance.sample import EVERYBODY

from lockgate.client import Client
from lockgate.messages import StatusRow
from lockgate.testing.installation import Installation, free_ports, wait_until
from lockgate.testing.load import Load
from lockgate.testing.sites import ProcessSite, definition

pytestmark = [pytest.mark.real, pytest.mark.acceptance, pytest.mark.timeout(300)]


def environments(north: int, south: int) -> str:
    return f"""
environments:
  prod:
    cells:
      north: {{listen: {north}, values: {{status: "200"}}}}
      south: {{listen: {south}, values: {{status: "500"}}}}
    rollout: {{bake: 1s, on_failure: bad}}
"""


def row_of(client: Client) -> StatusRow:
    (row,) = client.status().rows
    return row


def version(version: str, options: str = "") -> str:
    """One that answers at / with its ``--status``, which the checks want to be 200."""
    return definition(ProcessSite(), version, "{blue-green: {drain: 10s}}", options=options, verify="/front")


def users(port: int) -> Load:
    return Load(f"http://127.0.0.1:{port}", EVERYBODY)


def test_two_cells_under_traffic(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = free_ports(2)
    with Installation(tmp_path, environments(first, second), {"LOCKGATE_LEASE": "2s"}) as installation:
        good = installation.release(version("1"))
        assert installation.run(good, "prod").state == "succeeded"
        with users(first) as north, users(second) as south:
            both_go_on_through_a_kill(installation)
            one_is_bad(installation)
            all_are_mended(installation)
            reports = north.stop(), south.stop()
    with capsys.disabled():
        print()
        for name, report in zip(("north", "south"), reports, strict=True):
            print(f"{name}: {report.requests} requests, {report.failed} failed")
    for report in reports:
        assert report.failed == 0, report.reasons
        assert report.requests > 100


def both_go_on_through_a_kill(installation: Installation) -> None:
    """Version 2 goes to north, and while that bakes the control plane is killed."""
    new = installation.deploy(installation.release(version("2")), "prod")
    wait_until(lambda: "bakes" in [c.progress for c in row_of(installation.client).cells], "North bakes")
    installation.kill()
    installation.start()
    assert installation.until_final(new.id).state == "succeeded"
    assert versions(installation) == {new.release_label}


def versions(installation: Installation) -> set[str]:
    return {cell.release_label for cell in row_of(installation.client).cells}


def one_is_bad(installation: Installation) -> None:
    """Version 3 answers with what its cell says, which is 500 in south: it stays in north."""
    bad = installation.run(installation.release(version("3", "--status {values.status}")), "prod")
    assert bad.state == "rolled_back" and "stays in north" in bad.because
    row = row_of(installation.client)
    assert [(c.name, c.release_label == bad.release_label, c.standing, c.ready, c.wanted) for c in row.cells] == [
        ("north", True, "as deployed", 2, 2),
        ("south", False, "as deployed", 2, 2),
    ]


def all_are_mended(installation: Installation) -> None:
    fix = installation.run(installation.release(version("4")), "prod")
    assert fix.state == "succeeded", fix.because
    assert versions(installation) == {fix.release_label}
    assert ProcessSite().living(installation) == 4
