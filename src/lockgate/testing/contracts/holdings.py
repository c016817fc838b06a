"""What a store must do with what ran where, and with what is inside of releases."""

from dataclasses import replace

import pytest

from lockgate.core.deployment import Deployment, State
from lockgate.core.errors import NotFound
from lockgate.core.evidence import Contents, Evidence, Format, Role
from lockgate.core.finding import Finding, Scan, Severity, Statement, Waiver
from lockgate.core.ids import Instant, ReleaseId, digest_of
from lockgate.core.package import By, Package, Sought, sought
from lockgate.core.plan import CellPlan
from lockgate.core.traffic import Key
from lockgate.ports import Store
from lockgate.testing.contracts.lives import at_rest, living
from lockgate.testing.samples import NOON, a_plan, a_release, an_event, an_observation

HOUR = 3600.0
OPENSSL = Package("openssl", "3.0.7", "pkg:deb/debian/openssl@3.0.7?arch=amd64", "sha256:" + "a" * 64)


def held(store: Store, at: Instant, environment: str = "prod", application: str = "shop", **more: object) -> Deployment:
    """A deployment that takes hold of the environment at that moment."""
    place = {"application": application, "environment": environment, "created_at": at, **more}
    row = living(store, State.SUCCEEDED, at, **place)
    return at_rest(store, row, now=at)


def attached(release: ReleaseId, name: str = "sbom.json", **more: object) -> Evidence:
    roles = frozenset({Role.CONTENTS})
    one = Evidence(release, digest_of(name), Format.CYCLONEDX, "1.6", roles, name, 10, NOON, "ann")
    return replace(one, **more)  # type: ignore[arg-type]


def contents(*packages: Package, findings: tuple[Finding, ...] = ()) -> Contents:
    return Contents(Format.CYCLONEDX, "1.6", frozenset({Role.CONTENTS}), packages=packages, findings=findings)


def places(store: Store, what: Sought, at: Instant | None = None, ever: bool = False, limit: int = 100) -> list[str]:
    return sorted(one.holding.environment for one in store.holdings.find(what, at, ever, limit).placed)


class HoldingsContract:
    """Of :class:`lockgate.ports.Holdings` and :class:`lockgate.ports.Attachments`."""

    # --- holdings ---

    def test_what_succeeds_holds_until_the_next_does(self, store: Store) -> None:
        first = held(store, NOON)
        second = held(store, NOON + HOUR)
        (now,) = store.holdings.now("prod", "", 10)
        assert (now.holding.deployment, now.holding.since, now.holding.until) == (second.id, NOON + HOUR, None)
        for at, deployments in (
            (NOON - 1, []),
            (NOON, [first.id]),
            (NOON + HOUR - 1, [first.id]),
            (NOON + HOUR, [second.id]),
            (NOON + 9 * HOUR, [second.id]),
        ):
            assert [one.deployment for one in store.holdings.at("prod", "", at, 10)] == deployments, at

    def test_a_keeper_that_is_saved_again_holds_on(self, store: Store) -> None:
        row = held(store, NOON)
        (claimed,) = store.deployments.claim("w1", NOON + HOUR, 10.0, 5) or (row,)
        store.deployments.save(claimed, NOON + HOUR)
        (one,) = store.holdings.of("shop", "prod", row.release)
        assert (one.since, one.until, one.by, one.label) == (NOON, None, row.actor, row.release_label)

    def test_what_never_succeeded_never_held(self, store: Store) -> None:
        living(store, State.RUNNING)
        living(store, State.ABORTED, environment="dev")
        assert store.holdings.now("", "", 10) == ()

    def test_places_and_applications_are_kept_apart(self, store: Store) -> None:
        for n, (application, environment) in enumerate((("shop", "dev"), ("shop", "prod"), ("blog", "prod"))):
            held(store, NOON + n, environment, application)
        everywhere = [(p.holding.environment, p.holding.application) for p in store.holdings.now("", "", 10)]
        assert everywhere == [("dev", "shop"), ("prod", "blog"), ("prod", "shop")]
        assert len(store.holdings.now("prod", "blog", 10)) == 1
        assert len(store.holdings.now("", "", 2)) == 2
        at = NOON + HOUR
        assert [(h.environment, h.application) for h in store.holdings.at("", "", at, 10)] == everywhere
        assert [h.environment for h in store.holdings.at("", "shop", at, 10)] == ["dev", "prod"]
        assert len(store.holdings.at("", "", at, 2)) == 2
        assert store.holdings.at("moon", "", at, 10) == ()

    def test_a_release_that_comes_back_has_held_twice(self, store: Store) -> None:
        good, bad = ReleaseId("rel-a"), ReleaseId("rel-b")
        for n, release in enumerate((good, bad, good)):
            held(store, NOON + n * HOUR, release=release)
        assert [(h.since, h.until) for h in store.holdings.of("shop", "prod", good)] == [
            (NOON, NOON + HOUR),
            (NOON + 2 * HOUR, None),
        ]
        assert store.holdings.of("shop", "dev", good) == ()

    def test_cells_that_hold_different_releases_are_told_apart(self, store: Store) -> None:
        old, new = a_release(version="1.0"), a_release(version="2.0")
        for one in (old, new):
            store.releases.add(one, an_event())
        parts = [CellPlan(name, one.id, "process", {}, None, (), {}) for name, one in (("east", new), ("west", old))]
        mixed = store.releases.put_plan(replace(a_plan(new), cells=tuple(parts)))
        held(store, NOON, release=old.id)
        held(store, NOON + HOUR, release=new.id, mixed=mixed)
        assert [(p.holding.cell, p.holding.release) for p in store.holdings.now("prod", "", 10)] == [
            ("east", new.id),
            ("west", old.id),
        ]
        assert len(store.holdings.at("prod", "shop", NOON + HOUR, 10)) == 2
        assert [h.cell for h in store.holdings.of("shop", "prod", old.id)] == ["", "west"]

    def test_what_holds_comes_with_its_observations(self, store: Store) -> None:
        row = held(store, NOON)
        seen = an_observation(Key("shop", "prod", "web"))
        store.inventory.note(seen)
        store.inventory.note(an_observation(Key("shop", "dev", "web")))
        assert store.holdings.now("prod", "", 10)[0].observed == (seen,)
        assert store.holdings.find(Sought(By.RELEASE, row.release), None, False, 10).placed[0].observed == (seen,)

    # --- what is inside ---

    def test_a_release_is_found_by_its_own_artifacts(self, store: Store) -> None:
        release = store.releases.add(a_release(), an_event())
        held(store, NOON, release=release.id)
        for text in (release.artifacts["web"].digest, "web", "web@1.0", "pypi:web==1.0", "pkg:pypi/web@1.0", "data.db"):
            assert places(store, sought(text)) == ["prod"], text
        for text in ("web@2.0", "pkg:npm/web@1.0", "sha256:" + "0" * 64):
            assert places(store, sought(text)) == [], text

    def test_a_package_inside_is_found_now_then_and_ever(self, store: Store) -> None:
        release = a_release()
        store.attachments.attach(attached(release.id), contents(OPENSSL, Package("openssl", "1.1")), an_event())
        held(store, NOON, release=release.id)
        held(store, NOON, "dev", release=release.id)
        held(store, NOON + HOUR, release=ReleaseId("rel-other"))
        for text in ("openssl@3.0.7", "pkg:deb/debian/openssl@3.0.7", "openssl", OPENSSL.digest):
            assert places(store, sought(text)) == ["dev"], text
            assert places(store, sought(text), NOON + 1) == ["dev", "prod"]
            assert places(store, sought(text), ever=True) == ["dev", "prod"]
            assert places(store, sought(text), NOON - 1) == []
        assert places(store, sought("pkg:deb/debian/openssl@3.0.7?arch=arm64")) == []
        assert places(store, sought("debian/openssl@3.0.7")) == ["dev"]
        assert places(store, sought("redhat/openssl@3.0.7")) == []
        found = store.holdings.find(sought("openssl@3.0.7"), None, False, 10)
        assert found.packages == ((release.id, OPENSSL),)

    def test_more_than_was_asked_for_is_told(self, store: Store) -> None:
        for n in range(4):
            held(store, NOON + n, f"e{n}", release=ReleaseId("rel-x"))
        for limit, more in ((3, True), (4, False)):
            found = store.holdings.find(Sought(By.RELEASE, "rel-x"), None, False, limit)
            assert (len(found.placed), found.more) == (limit, more)

    def test_one_that_is_in_a_release_many_times_hides_no_other(self, store: Store) -> None:
        """What was cut off is told, also where most of what was found is the same place again."""
        for n in range(3):
            release = ReleaseId(f"rel-{n}")
            many = (Package("lib", str(version)) for version in range(4))
            store.attachments.attach(attached(release), contents(*many), an_event())
            held(store, NOON + n, f"e{n}", release=release)
        found = store.holdings.find(sought("lib"), None, False, 2)
        assert len(found.placed) <= 2 and found.more
        assert not store.holdings.find(sought("lib"), None, False, 20).more

    # --- attachments ---

    def test_a_document_is_attached_once(self, store: Store) -> None:
        release = ReleaseId("rel-1")
        statements = (Statement("CVE-1", "not_affected", ("pkg:npm/x",), "unused"),)
        one = attached(release, made_at=NOON - 5, statements=statements, envelope='{"a": "ü"}')
        assert store.attachments.attach(one, contents(OPENSSL), an_event("release.attached"))
        assert not store.attachments.attach(replace(one, name="again"), contents(OPENSSL), an_event("again"))
        assert store.attachments.of(release) == (one,)
        assert store.attachments.of(ReleaseId("rel-2")) == ()
        assert [e.kind for e in store.history.events(0, 10)] == ["release.attached"]
        assert store.attachments.digests() == {one.digest}

    def test_scans_come_back_with_their_findings(self, store: Store) -> None:
        release = ReleaseId("rel-1")
        found = tuple(Finding(f"CVE-{n}", Severity.HIGH, "x", "1", fixed="2", aliases=("G-1",)) for n in range(12))
        roles = frozenset({Role.SCAN})
        one = attached(release, "scan", roles=roles, tool="trivy", about="shop", made_at=NOON - 9)
        empty = attached(release, "empty", roles=roles, made_at=NOON + 99)
        store.attachments.attach(one, contents(findings=found), an_event())
        store.attachments.attach(empty, contents(), an_event())
        store.attachments.attach(attached(release, "no scan"), contents(OPENSSL), an_event())
        scans = {scan.source: scan for scan in store.attachments.scans(release)}
        assert scans == {
            one.digest: Scan(one.digest, "trivy", "shop", NOON - 9, found),
            empty.digest: Scan(empty.digest, "", "", NOON, ()),
        }

    def test_many_packages_are_kept(self, store: Store) -> None:
        many = tuple(Package(f"p{n}", str(n)) for n in range(6001))
        store.attachments.attach(attached(ReleaseId("rel-1")), contents(*many), an_event())
        held(store, NOON, release=ReleaseId("rel-1"))
        assert places(store, sought("p6000@6000")) == ["prod"]

    def test_waivers_are_replaced_and_taken_back(self, store: Store) -> None:
        one = Waiver("CVE-1", NOON + 5, "why", "ann", NOON, "openssl", "prod")
        store.attachments.waive(one, an_event("waiver.added"))
        later = replace(one, until=NOON + 9)
        store.attachments.waive(later, an_event("waiver.added"))
        other = replace(one, environment="")
        store.attachments.waive(other, an_event("waiver.added"))
        assert set(store.attachments.waivers()) == {later, other}
        store.attachments.unwaive(one, an_event("waiver.removed"))
        assert store.attachments.waivers() == (other,)
        with pytest.raises(NotFound, match="CVE-1 in openssl for prod"):
            store.attachments.unwaive(one, an_event("never"))
        assert [e.kind for e in store.history.events(0, 10)] == ["waiver.added"] * 3 + ["waiver.removed"]
