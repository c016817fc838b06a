"""No request is lost: 20 deployments of each strategy under every kind of client."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tests.acceptance.sample import CANARY, EVERYBODY, STRATEGIES

from lockgate.testing.installation import Installation, free_ports
from lockgate.testing.load import Load, Report
from lockgate.testing.sites import Site, definition, one_environment

DEPLOYMENTS = 20
EVERY_STRATEGY = {**STRATEGIES, "canary": CANARY}


@pytest.mark.real
@pytest.mark.acceptance
@pytest.mark.timeout(600)
def test_twenty_deployments_of_each_strategy_lose_no_request(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(len(EVERY_STRATEGY)) as pool:
        told = pool.map(lambda strategy: deployed(tmp_path / strategy, site, strategy), EVERY_STRATEGY)
        reports = dict(zip(EVERY_STRATEGY, told, strict=True))
    with capsys.disabled():
        print()
        for strategy, report in reports.items():
            done = f"{DEPLOYMENTS} deployments, {report.requests} requests, {report.failed} failed"
            print(f"{site.name}, {strategy}: {done}")
    for report in reports.values():
        assert report.failed == 0, report.reasons
        assert report.requests > 200
        assert {"keepalive", "fresh", "post", "slow", "stream"} <= {k for k, n in report.by_kind.items() if n}


def deployed(folder: Path, site: Site, strategy: str) -> Report:
    """What the users of one installation got while releases went back and forth."""
    port = free_ports(1)[0]
    with Installation(folder, one_environment(site, port)) as installation:
        releases = [installation.release(definition(site, v, EVERY_STRATEGY[strategy])) for v in ("1", "2")]
        assert installation.run(releases[0], "dev").state == "succeeded"
        with Load(f"http://127.0.0.1:{port}", EVERYBODY) as load:
            for count in range(DEPLOYMENTS):
                done = installation.run(releases[(count + 1) % 2], "dev")
                assert done.state == "succeeded", done.because
            return load.stop()
