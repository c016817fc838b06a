"""Canaries with real processes and containers, Envoy and users: who hurts them goes back, who does not gets on."""

from pathlib import Path

import pytest

from lockgate.messages import DeploymentView
from lockgate.testing.installation import Installation, free_ports
from lockgate.testing.load import Load, Mix
from lockgate.testing.sites import Site, definition, one_environment
from lockgate.testing.waiting import wait_until

CANARY = """{canary: {
  steps: [10%, 50%], min_soak: 4s, within: 3m,
  analysis: {window: 1s, warm_up: 0s, negligible: 1%, latency: false}}}"""

USERS = Mix(keepalive=8, fresh=0, post=0, slow=0, stream=0, rate=250.0, path="/", expect=frozenset({200, 500}))


def deployed(installation: Installation, site: Site, version: str, options: str) -> DeploymentView:
    release = installation.release(definition(site, version, CANARY, replicas=3, options=options))
    return installation.run(release, "dev")


@pytest.mark.real
@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_a_bad_canary_is_taken_back_and_a_good_one_gets_everything(
    site: Site, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    port = free_ports(1)[0]
    with Installation(tmp_path, one_environment(site, port)) as installation:
        assert deployed(installation, site, "1", "--fail 0.002").state == "succeeded"
        with Load(f"http://127.0.0.1:{port}", USERS) as load:
            bad = deployed(installation, site, "2", "--fail 0.2")
            good = deployed(installation, site, "3", "--fail 0.002")
            report = load.stop()
        assert bad.state == "rolled_back", bad.because
        assert good.state == "succeeded", good.because
        assert report.failed == 0, report.reasons
        told = installation.client.replay(bad.id)
        assert told.agrees and told.advice == "roll-back" and told.verdict in bad.because
        assert installation.client.replay(good.id).agrees
        hurt, whole = (report.by_status.get("500", 0), report.requests)
    with capsys.disabled():
        assert bad.ended_at and bad.started_at and good.ended_at and good.started_at
        print(f"\n{site.name}: bad canary back after {bad.ended_at - bad.started_at:.1f} s: {told.verdict}")
        print(
            f"{site.name}: good canary promoted after {good.ended_at - good.started_at:.1f} s; {hurt} of {whole} failed"
        )


@pytest.mark.real
@pytest.mark.acceptance
@pytest.mark.timeout(300)
def test_a_verdict_survives_kills_of_the_control_plane(site: Site, tmp_path: Path) -> None:
    port = free_ports(1)[0]
    with Installation(tmp_path, one_environment(site, port)) as installation:
        assert deployed(installation, site, "1", "--fail 0.002").state == "succeeded"
        slow = CANARY.replace("10%, 50%", "3%, 50%").replace("min_soak: 4s", "min_soak: 30s")
        release = installation.release(definition(site, "2", slow, replicas=3, options="--fail 0.1"))
        with Load(f"http://127.0.0.1:{port}", USERS) as load:
            deployment = installation.deploy(release, "dev")
            seen = 0
            for _ in range(4):
                seen = wait_until(lambda above=seen: watched(installation, deployment.id, above))
                installation.kill()
                installation.start()
            ended = installation.until_final(deployment.id)
            report = load.stop()
        assert ended.state == "rolled_back", ended.because
        assert report.failed == 0, report.reasons
        told = installation.client.replay(deployment.id)
        assert told.agrees and told.windows > 3 and told.verdict in ended.because


def watched(installation: Installation, deployment: str, above: int) -> int:
    """Windows so far, if there are more than that; or else 0. All of them when it has ended."""
    view = installation.client.analysis(deployment)
    count = len(view.series.points) if view else 0
    return count if count > above or installation.client.deployment(deployment).final else 0
