"""What environments are, who says so, and how they differ: told on the real engine and a real store, in fake time."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from lockgate.config.environments_file import read_catalogue
from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import CapabilityMissing, Invalid, NotFound, Unavailable
from lockgate.engine.chronicle import Chronicle
from lockgate.engine.moment import Moment, moment
from lockgate.engine.snapshots import Snapshots
from lockgate.engine.surveyor import Surveyor
from lockgate.messages import Deploy
from lockgate.messages.environments import ComparisonView
from lockgate.ports import Store
from lockgate.store.database import open_store
from lockgate.testing.rig import Rig

FILE = """\
organisation:
  owner: platform
  values: {limit: 250}
tiers:
  production: {queue: queue, values: {limit: 500}}
environments:
  dev: {listen: 8081}
  prod:
    after: dev
    tier: production
    listen: 8082
    capabilities: [gpu]
    secrets: {token: {file: /etc/prod-token}}
    values: {limit: 1000}
"""


def catalogue(text: str = FILE) -> Catalogue:
    return read_catalogue(text).value


def both_deployed(rig: Rig) -> str:
    """The same release in dev and in prod; its id."""
    rig.catalogue = catalogue()
    release = rig.release("1", env={"LIMIT": "{values.limit}"}, values={"limit": "100"})
    for place in ("dev", "prod"):
        rig.deploy(release, place)
        rig.run(5)
    return release


def compared(rig: Rig, left: str, right: str) -> ComparisonView:
    return rig.operations.surveyor.compare(left, right)


def told(view: ComparisonView, kind: str) -> list[str]:
    return [one.sentence for one in view.differences if one.kind == kind]


def test_an_environment_tells_all_there_is_to_know(rig: Rig) -> None:
    release = both_deployed(rig)
    prod = rig.operations.surveyor.show("prod")
    assert (prod.owner, prod.tier, prod.after, prod.before) == ("platform", "production", "dev", ())
    assert prod.values == {"limit": "1000"} and prod.fields["values.limit"].line == 14
    assert [one.level for one in prod.fields["values.limit"].overridden] == ["tier production", "organisation"]
    assert prod.secrets["token"].source == "file /etc/prod-token" and prod.secrets["token"].fingerprint == ""
    assert prod.stated is not None and "weights" in prod.stated and prod.capabilities == ("gpu",)
    (runs,) = prod.runs
    assert (runs.application, runs.release, runs.release_label) == ("shop", release, "shop 1 (#1)")
    assert rig.operations.surveyor.show("dev").before == ("prod",)
    with pytest.raises(NotFound, match="no environment 'qa'"):
        rig.operations.surveyor.show("qa")


@pytest.mark.parametrize(
    ("name", "field", "sentence"),
    [
        ("prod", "limit", "values.limit is 1000: written in environment prod (environments.yaml:14); tier production "
         "says 500 (line 5), organisation says 250 (line 3), the default of shop is 100."),
        ("dev", "values.limit", "values.limit is 250: written in organisation (environments.yaml:3); the default of "
         "shop is 100."),
        ("prod", "queue", "queue is queue: written in tier production (environments.yaml:5)."),
        ("dev", "queue", "queue is newest: no level says anything of it, so it is Lockgate's default."),
        ("dev", "target", "target is target.kind process: no level says anything of it, so it is Lockgate's default."),
        ("dev", "purpose", "dev has no purpose: no level says anything of it."),
        ("prod", "token", "secrets.token is {file: /etc/prod-token}: written in environment prod "
         "(environments.yaml:13)."),
    ],
)  # fmt: skip
def test_why_a_field_is_what_it_is(rig: Rig, name: str, field: str, sentence: str) -> None:
    both_deployed(rig)
    assert rig.operations.surveyor.why(name, field).sentences == (sentence,)


def test_why_tells_a_default_of_the_application_alone(rig: Rig) -> None:
    rig.catalogue = catalogue("environments: {dev: {listen: 8081}}")
    rig.deploy(rig.release("1", env={"LIMIT": "{values.limit}"}, values={"limit": "100"}))
    rig.run(5)
    (sentence,) = rig.operations.surveyor.why("dev", "limit").sentences
    assert sentence == "No level says anything of values.limit in dev; the default of shop is 100."
    with pytest.raises(NotFound, match="Did you mean"):
        rig.operations.surveyor.why("dev", "purpos")


def test_why_tells_of_cells_too(rig: Rig) -> None:
    cells = "cells: {north: {listen: 1, values: {region: north}}, south: {listen: 2}}"
    rig.catalogue = catalogue(f"environments:\n  world: {{values: {{region: all}}, {cells}}}\n")
    assert rig.operations.surveyor.why("world", "region").sentences == (
        "values.region is all: written in environment world (environments.yaml:2).",
        "cells.north.values.region is north: written in cell north of environment world (environments.yaml:2).",
    )


def test_two_environments_differ_in_what_they_say_and_in_what_runs(rig: Rig) -> None:
    both_deployed(rig)
    view = compared(rig, "dev", "prod")
    assert view.sentences[0].startswith("dev and prod differ in ")
    assert len(view.sentences) == len(view.differences) + 1 and not view.same
    assert told(view, "release") == [] and told(view, "observed") == []
    assert "shop/web env.LIMIT: 250 in dev, 1000 in prod." in told(view, "configuration")
    assert "values.limit: 250 in dev, 1000 in prod." in told(view, "configuration")
    assert told(view, "secret") == ["The secret token: only in prod."]
    assert told(view, "capability") == ["The capability gpu: only in prod."]
    assert "queue: newest in dev, queue in prod." in told(view, "rule")
    assert told(view, "about") == ["tier: only in prod: production."]


def test_an_environment_is_the_same_as_itself(rig: Rig) -> None:
    both_deployed(rig)
    view = compared(rig, "prod", "prod")
    assert view.same and view.sentences == ("prod and prod are the same.",)


def test_another_release_and_one_that_is_missing_are_told(rig: Rig) -> None:
    both_deployed(rig)
    rig.deploy(rig.release("2"), "dev")
    rig.run(5)
    assert told(compared(rig, "dev", "prod"), "release") == ["shop: shop 2 (#2) in dev, shop 1 (#1) in prod."]
    rig.catalogue = replace(rig.catalogue, environments={**rig.catalogue.environments, "qa": Environment("qa")})
    assert told(compared(rig, "qa", "prod"), "release") == ["shop: only in prod: shop 1 (#1)."]


def test_what_is_not_seen_any_more_is_unknown_and_not_the_same(rig: Rig) -> None:
    both_deployed(rig)
    rig.clock.pass_by(120)
    view = compared(rig, "dev", "prod")
    (sentence,) = told(view, "observed")
    assert sentence.startswith("shop/web cannot be compared: in dev it is unknown (it was last observed 12")
    assert not compared(rig, "prod", "prod").same


def test_what_has_drifted_is_told(rig: Rig) -> None:
    both_deployed(rig)
    (key,) = [c.key for c in rig.plan("dep-2").components]
    seen = rig.target.observe(key)
    rig.store.inventory.note(replace(seen, instances=seen.instances[:1], observed_at=rig.clock.now()))
    (sentence,) = told(compared(rig, "dev", "prod"), "observed")
    assert sentence.startswith("shop/web: as deployed in dev, drifted (1 of 2 instances of revision")


def test_what_is_being_changed_is_told_as_such(rig: Rig) -> None:
    both_deployed(rig)
    row = rig.deploy(rig.release("2"), "dev")
    rig.target.prepare_seconds = 60.0
    rig.turn()
    assert rig.row(row.id).active
    assert told(compared(rig, "dev", "prod"), "observed") == [
        "shop/web: dep-3 is changing it in dev, as deployed in prod."
    ]


def test_secrets_are_compared_by_fingerprint(rig: Rig) -> None:
    places = (f"  {name}: {{secrets: {{token: {{file: /{name}}}}}}}" for name in ("a", "b"))
    text = "\n".join(("environments:", *places))
    prints = {"a": "1a2b", "b": "1a2b"}
    surveyor = surveyor_of(rig, text, lambda environment, name: prints[environment])
    assert [d for d in surveyor.compare("a", "b").differences if d.kind == "secret"] == []
    prints["b"] = "3c4d"
    found = [d.sentence for d in surveyor.compare("a", "b").differences if d.kind == "secret"]
    assert found == ["The secret token: fingerprint 1a2b in a, fingerprint 3c4d in b."]
    prints["b"] = ""
    (unknown,) = [d for d in surveyor.compare("a", "b").differences if d.kind == "secret"]
    assert not unknown.known and "unknown (it has no fingerprint)" in unknown.sentence


def test_drivers_that_cannot_tell_are_no_reason_to_tell_nothing(rig: Rig) -> None:
    def stated(_: Environment) -> frozenset[str]:
        raise Unavailable("The engine does not answer.")

    known = catalogue()
    surveyor = Surveyor(rig.store, rig.clock, lambda: known, Snapshots(rig.store, lambda: known, stated))
    assert surveyor.show("dev").stated is None
    (found,) = [d for d in surveyor.compare("dev", "prod").differences if d.kind == "capability"]
    assert not found.known and "The engine does not answer." in found.sentence


def surveyor_of(rig: Rig, text: str, fingerprint: Callable[[str, str], str]) -> Surveyor:
    known = catalogue(text)
    snapshots = Snapshots(rig.store, lambda: known, lambda _: frozenset(), fingerprint)
    return Surveyor(rig.store, rig.clock, lambda: known, snapshots)


# --- moments and releases ---


def test_a_moment_that_is_past_is_what_was_recorded_then(rig: Rig) -> None:
    texts = [FILE, FILE.replace("limit: 1000", "limit: 2000").replace("queue: queue", "queue: newest")]
    chronicle = Chronicle(rig.store, rig.clock, lambda: rig.catalogue)
    both_deployed(rig)
    chronicle()
    rig.clock.pass_by(100)
    rig.catalogue = catalogue(texts[1])
    chronicle()
    rig.clock.pass_by(10)
    view = compared(rig, "prod@50s", "prod")
    assert view.left.startswith("prod at 20") and view.left.endswith(" UTC")
    assert f"values.limit: 1000 in {view.left}, 2000 in prod." in told(view, "configuration")
    assert told(view, "rule") == [f"queue: queue in {view.left}, newest in prod."]
    assert told(view, "observed") == [
        f"What runs in {view.left} cannot be compared: what is observed is kept only as of now."
    ]
    assert "unknown (it has no fingerprint of that time)" in told(view, "secret")[0]
    assert compared(rig, "prod@50s", "prod@40s").differences[-1].kind == "observed"


def test_releases_of_a_moment_are_those_that_held_then(rig: Rig) -> None:
    rig.catalogue = catalogue("environments: {dev: {listen: 8081}}")
    for version in ("1", "2"):
        rig.deploy(rig.release(version))
        rig.run(100)
    view = compared(rig, "dev@150s", "dev")
    assert told(view, "release") == [f"shop: shop 1 (#1) in {view.left}, shop 2 (#2) in dev."]
    assert told(compared(rig, "dev@99s", "dev@1s"), "release") == []


def test_what_was_not_recorded_is_unknown(rig: Rig) -> None:
    both_deployed(rig)
    view = compared(rig, "prod@5m", "prod")
    assert [d.known for d in view.differences if d.kind == "rule"] == [False]
    assert told(view, "rule")[0].endswith(
        "cannot be compared: nothing is recorded of the environments' file at that time."
    )


def test_two_releases_differ_in_what_they_are_made_of_and_how_they_are_defined(rig: Rig) -> None:
    one = rig.release("1", replicas=2)
    other = rig.release("2", replicas=3, env={"LIMIT": "5"})
    view = compared(rig, one, other)
    (made,) = told(view, "release")
    assert made.startswith("web: shop 1 (") and made.endswith(") in shop 2 (#2).")
    assert told(view, "configuration") == [
        "components.web.env.LIMIT: only in shop 2 (#2): 5.",
        "components.web.replicas: 2 in shop 1 (#1), 3 in shop 2 (#2).",
    ]
    assert compared(rig, one, one).same
    with pytest.raises(Invalid, match="dev is no release, and the other side is one"):
        compared(rig, one, "dev")
    with pytest.raises(NotFound):
        compared(rig, one, "rel-000000000000")


NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("prod", None), ("prod@90s", NOW - 90), ("prod@2h", NOW - 7200), ("prod@3d", NOW - 259_200),
        ("prod@2027-01-15T08:00:00Z", NOW), ("prod@2027-01-15T08:00", NOW), ("prod@2027-01-15T09:00+01:00", NOW),
        ("prod@2027-01-15", NOW - 8 * 3600),
    ],
)  # fmt: skip
def test_a_moment_is_understood(text: str, at: float | None) -> None:
    assert moment(text, NOW, "left") == Moment("prod", at)


@pytest.mark.parametrize(
    ("text", "said"), [("prod@soon", "no time"), ("prod@", "no time"), ("prod@2030-01-01", "to come")]
)
def test_what_is_no_moment_is_refused(text: str, said: str) -> None:
    with pytest.raises(Invalid, match=said):
        moment(text, NOW, "left")


# --- the chronicle, and what components need ---


def test_a_change_of_the_file_is_told_and_audited(rig: Rig) -> None:
    rig.catalogue = catalogue()
    chronicle = Chronicle(rig.store, rig.clock, lambda: rig.catalogue)
    for text in (
        FILE,
        FILE + "# a comment\n",
        FILE.replace("queue: queue", "queue: newest") + "  qa: {listen: 8083}\n",
    ):
        rig.catalogue = catalogue(text)
        assert chronicle() is rig.catalogue
        chronicle()
        rig.clock.pass_by(1)
    (event,) = [one for one in rig.store.history.events(0, 100) if one.kind == "environment.rules_changed"]
    assert event.because == ("The environments' file has changed: qa is new. prod: queue was queue, is newest.")
    assert event.audited and event.data["environments"] == "prod, qa"
    assert "prod queue: was queue, is newest" in event.data["changes"].splitlines()
    assert len(rig.store.history.audit(0, 10)) == 1


def test_a_change_of_a_group_is_told_audited_and_wakes_what_waits_for_it(rig: Rig) -> None:
    groups = "groups: {managers: [alice]}\n"
    rules = "    approvals: {from: [managers]}\n"
    rig.catalogue = catalogue(groups + FILE + rules)
    chronicle = Chronicle(rig.store, rig.clock, lambda: rig.catalogue)
    chronicle()
    release = rig.release("1")
    rig.deploy(release)
    rig.run(5)
    rig.vault.texts["/etc/prod-token"] = "token"
    waits = rig.person("ann").deploy(Deploy("shop", "prod", release))
    rig.run(2)
    assert rig.state(waits.id) is State.GATED and "There are not enough others" in rig.row(waits.id).because
    rig.person("alice")
    rig.person("carol")
    rig.catalogue = catalogue(groups.replace("alice", "alice, carol") + FILE + rules)
    chronicle()
    (event,) = [one for one in rig.store.history.events(0, 100) if one.kind == "environment.rules_changed"]
    assert event.because.endswith("carol joined managers, who approve in prod.") and event.audited
    assert (event.data["environments"], event.data["groups"]) == ("prod", "managers")
    rig.turn()
    assert rig.row(waits.id).who == "alice and carol"


def test_a_freeze_is_told_in_words_wherever_it_is_told(rig: Rig) -> None:
    freeze = "    windows: [{freeze: 2026-12-20 .. 2027-01-02, zone: Europe/Berlin, because: Christmas}]\n"
    words = "frozen from 2026-12-20 00:00 until 2027-01-03 00:00 Europe/Berlin: Christmas"
    rig.catalogue = catalogue()
    chronicle = Chronicle(rig.store, rig.clock, lambda: rig.catalogue)
    chronicle()
    rig.catalogue = catalogue(FILE + freeze)
    rig.clock.pass_by(1)
    chronicle()
    (event,) = [one for one in rig.store.history.events(0, 100) if one.kind == "environment.rules_changed"]
    assert event.because == f"The environments' file has changed: prod: windows now {words}."
    assert f"windows: only in prod: {words}." in told(compared(rig, "dev", "prod"), "rule")
    (why,) = rig.operations.surveyor.why("prod", "windows").sentences
    assert why == f"windows[0] is {words}: written in environment prod (environments.yaml:15)."
    both = FILE + freeze.replace("}]", "}, {open: Mon-Thu 09:00-16:00, zone: Europe/Berlin}]")
    rig.catalogue = catalogue(both)
    assert "windows[1] is open Mon-Thu 09:00-16:00 Europe/Berlin: written" in str(
        rig.operations.surveyor.why("prod", "windows").sentences
    )


def test_a_store_that_is_busy_keeps_nobody_from_the_environments(rig: Rig) -> None:
    class Busy:
        def at(self, at: float) -> None:
            raise Unavailable("The database is busy.")

    class Shut:
        catalogues = Busy()

    chronicle = Chronicle(Shut(), rig.clock, lambda: rig.catalogue)  # type: ignore[arg-type]
    assert chronicle() is rig.catalogue


def test_a_component_that_needs_what_is_missing_is_not_deployed(rig: Rig) -> None:
    rig.catalogue = catalogue()
    release = rig.release("1", needs=("gpu",))
    with pytest.raises(CapabilityMissing, match="web needs gpu, which dev does not have; it has: none"):
        rig.deploy(release, "dev")
    assert rig.operations.deployments("", "", frozenset(), 10) == ()


def test_a_promotion_to_where_it_is_missing_is_refused_with_an_event(rig: Rig) -> None:
    rig.catalogue = catalogue(
        FILE.replace("dev: {listen: 8081}", "dev: {listen: 8081, capabilities: [pci]}").replace(
            "    after: dev", "    after: dev\n    promote: automatic"
        )
    )
    rig.deploy(rig.release("1", needs=("pci",)), "dev")
    rig.run(10)
    refused = [one.because for one in rig.store.history.events(0, 100) if one.kind == "promotion.refused"]
    assert len(refused) == 1 and "web needs pci, which prod does not have; it has: gpu." in refused[0]
    assert store_is_quiet(rig.store)


def store_is_quiet(store: Store) -> bool:
    return not store.landscape.holders("prod")


def test_it_is_the_same_on_postgres(postgres_url: str) -> None:
    with open_store(postgres_url) as store:
        rig = Rig(store)
        both_deployed(rig)
        assert "values.limit: 250 in dev, 1000 in prod." in compared(rig, "dev", "prod").sentences
