"""No request is lost: 20 deployments of each strategy under every kind of client."""

import pytest
from tests.acceptance.sample import EVERYBODY, STRATEGIES, definition

from lockgate.testing.installation import Installation
from lockgate.testing.load import Load

DEPLOYMENTS = 20


@pytest.mark.real
@pytest.mark.acceptance
@pytest.mark.timeout(600)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_twenty_deployments_lose_no_request(
    installation: Installation, dev: str, strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    releases = [installation.release(definition(v, STRATEGIES[strategy])) for v in ("1", "2")]
    assert installation.run(releases[0], "dev").state == "succeeded"
    with Load(dev, EVERYBODY) as load:
        for count in range(DEPLOYMENTS):
            done = installation.run(releases[(count + 1) % 2], "dev")
            assert done.state == "succeeded", done.because
        report = load.stop()
    with capsys.disabled():
        print(f"\n{strategy}: {DEPLOYMENTS} deployments, {report.requests} requests, {report.failed} failed")
    assert report.failed == 0, report.reasons
    assert report.requests > 200
    assert {"keepalive", "fresh", "post", "slow", "stream"} <= {k for k, n in report.by_kind.items() if n}
