"""Stories of secrets: which content a plan means, what happens when that changes, and what may be removed."""

from dataclasses import replace

import pytest

from lockgate.core.deployment import State
from lockgate.core.environment import Catalogue, Promote
from lockgate.core.errors import Conflict, Denied, Invalid, NotFound, SecretUnusable, Unavailable
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.core.traffic import Key
from lockgate.engine.secret_watch import HOLDS
from lockgate.messages import Deploy, RollBack
from lockgate.messages.secrets import ChangeMasterKey, RemoveSecret, SetSecret
from lockgate.ports import Quarantine
from lockgate.testing.rig import Rig
from lockgate.testing.vaults import FakeVault

KEPT = SecretSource(SecretStore.KEPT, "DB_PASS")
FILE = SecretSource(SecretStore.FILE, "/etc/key")


@pytest.fixture
def shop(rig: Rig) -> Rig:
    """Its one component reads a kept secret and one in a file; dev has both."""
    rig.vault.texts["/etc/key"] = "s3cr3t"
    with_secrets(rig, KEPT)
    keep(rig, "hunter2")
    return rig


def with_secrets(rig: Rig, kept: SecretSource) -> None:
    environments = {
        name: replace(one, secrets={"DB_PASS": kept, "KEY": FILE}, promote=Promote.ON_DEMAND)
        for name, one in rig.catalogue.environments.items()
    }
    rig.catalogue = Catalogue(environments)


def keep(rig: Rig, text: str, environment: str = "dev") -> int:
    return rig.operations.secrets.set(environment, "DB_PASS", SetSecret(text, actor="ann"))[0].version


def released(rig: Rig, version: str = "1") -> str:
    return rig.release(version, secrets=("DB_PASS", "KEY"))


def deployed(rig: Rig, release: str) -> str:
    view = rig.deploy(release)
    rig.run(10)
    assert rig.state(view.id) is State.SUCCEEDED
    return view.id


def secret_of(rig: Rig, deployment: str, name: str = "DB_PASS") -> SecretSource:
    return rig.plan(deployment).components[0].spec.secrets[name]


def test_the_doctor_names_each_secret_that_cannot_be_had(shop: Rig) -> None:
    told = {one.subject: one for one in shop.operations.doctor()}
    assert {"secret DB_PASS of staging", "secret DB_PASS of prod"} <= set(told)
    assert not any("dev" in subject or "KEY" in subject for subject in told)
    assert not told["secret DB_PASS of prod"].usable and told["secret DB_PASS of prod"].mend
    for environment in ("staging", "prod"):
        keep(shop, "hunter2", environment)
    (well,) = shop.operations.doctor()
    assert (well.subject, well.usable) == ("secrets", True) and "hunter2" not in well.because


def problems(rig: Rig, environment: str = "dev") -> tuple[str, ...]:
    """As the board tells them, once what was found before does not count any more."""
    rig.clock.pass_by(HOLDS)
    return rig.operations.status("", environment).problems


def test_the_board_and_the_explanation_name_what_is_wrong_with_secrets(shop: Rig) -> None:
    running = deployed(shop, released(shop))
    assert problems(shop) == ()
    shop.vault.texts["/etc/key"] = "changed"
    changed = (
        f"The secret KEY of shop in dev ({running}) is not as it was planned: the content of file /etc/key has "
        "changed. What runs has what it was given; lockgate deploy gives it what is there now."
    )
    assert problems(shop) == (changed,)
    assert changed in shop.operations.explain(running).sentences
    del shop.vault.texts["/etc/key"]
    assert problems(shop) == ("The secret KEY of dev cannot be had: There is nothing in file /etc/key. Put it there.",)
    told = " ".join(shop.operations.explain(running).sentences)
    assert "There is nothing in file /etc/key. What runs has what it was given; nothing of it can be started" in told
    assert "The secret DB_PASS of prod cannot be had" in problems(shop, "prod")[0]
    shop.vault.texts["/etc/key"] = "anew"
    deployed(shop, released(shop, "2"))
    assert problems(shop) == ()


def test_a_place_that_does_not_answer_is_asked_once_a_round(shop: Rig) -> None:
    asked = []

    class Away(FakeVault):
        def fingerprint(self, source: SecretSource, environment: str) -> str:
            asked.append(source)
            raise Unavailable("The place does not answer.")

    one = replace(shop.catalogue.get("dev"), secrets=dict.fromkeys("abc", FILE))
    shop.catalogue = Catalogue({"dev": one})
    watch = replace(shop.operations.secrets.watch, vault=Away())
    for _ in range(3):
        assert [said.endswith("The place does not answer.") for said in watch.problems()] == [True] * 3
    assert len(asked) == 1
    shop.clock.pass_by(HOLDS)
    watch.problems()
    assert len(asked) == 2


def test_a_plan_says_which_version_and_which_content_was_meant(shop: Rig) -> None:
    first = deployed(shop, released(shop))
    assert secret_of(shop, first) == replace(KEPT, environment="dev", version=1)
    assert secret_of(shop, first, "KEY").fingerprint
    assert "hunter2" not in str(shop.plan(first)) and "s3cr3t" not in str(shop.plan(first))


def test_a_new_version_is_a_new_plan_of_the_same_release_and_replaces_its_instances(shop: Rig) -> None:
    release = released(shop)
    first = deployed(shop, release)
    assert shop.operations.preview(Deploy("shop", "dev", release)).plan == shop.row(first).plan
    keep(shop, "correct horse")
    preview = shop.operations.preview(Deploy("shop", "dev", release))
    assert "its secret DB_PASS goes from version 1 to version 2" in " ".join(preview.sentences)
    second = deployed(shop, release)
    assert secret_of(shop, second).version == 2
    assert shop.plan(first).components[0].revision != shop.plan(second).components[0].revision
    assert shop.all_on(second)


def test_the_same_secrets_give_the_same_plan(shop: Rig) -> None:
    release = released(shop)
    first = deployed(shop, release)
    shop.clock.pass_by(1e6)
    assert shop.operations.preview(Deploy("shop", "dev", release)).plan == shop.row(first).plan


def test_a_rollback_restores_the_version_that_its_plan_had(shop: Rig) -> None:
    first = deployed(shop, released(shop, "1"))
    keep(shop, "correct horse")
    deployed(shop, released(shop, "2"))
    back = shop.operations.roll_back(RollBack("shop", "dev", "it cannot sign in", "bob"))
    shop.run(10)
    assert shop.state(back.id) is State.SUCCEEDED
    assert shop.row(back.id).plan == shop.row(first).plan
    assert secret_of(shop, back.id).version == 1


def test_a_deployment_whose_file_was_changed_before_its_turn_is_denied(shop: Rig) -> None:
    release = released(shop)
    view = shop.deploy(release)
    shop.vault.texts["/etc/key"] = "changed"
    shop.run(2)
    row = shop.row(view.id)
    assert row.state is State.FAILED
    assert "A secret has changed since the plan was made: KEY: the content of file /etc/key has changed" in row.because
    deployed(shop, release)


def test_one_whose_file_is_changed_on_the_way_goes_back_and_its_release_is_not_barred(shop: Rig) -> None:
    first = deployed(shop, released(shop, "1"))
    shop.target.prepare_seconds = 5.0
    second = shop.deploy(released(shop, "2"))
    shop.turn()
    assert shop.state(second.id) is State.RUNNING
    shop.vault.texts["/etc/key"] = "changed"
    shop.run(15)
    row = shop.row(second.id)
    assert row.state is State.ROLLED_BACK
    assert "Its secret KEY cannot be the same: the content of file /etc/key has changed. Deploy again" in row.because
    assert shop.store.quarantines.all() == () and shop.all_on(first)


def test_what_runs_is_started_again_with_what_is_there_and_says_so(shop: Rig) -> None:
    first = deployed(shop, released(shop))
    shop.vault.texts["/etc/key"] = "changed"
    key = Key("shop", "dev", "web")
    shop.target.lose(key, shop.target.observe(key).instances[0].id)
    shop.run(20)
    assert shop.all_on(first)
    told = [e.because for e in shop.store.history.events(0, 500) if e.kind == "environment.repaired"]
    assert any("Its secret KEY cannot be the same" in one for one in told), told
    assert any("They have what is there now." in one for one in told)


def test_a_rollback_whose_file_cannot_be_brought_back_goes_on_and_says_so(shop: Rig) -> None:
    deployed(shop, released(shop, "1"))
    deployed(shop, released(shop, "2"))
    shop.vault.texts["/etc/key"] = "changed"
    back = shop.operations.roll_back(RollBack("shop", "dev", "slow", "bob"))
    (verdict,) = [v for v in shop.operations.explain(back.id).verdicts if v.gate == "secrets"]
    assert verdict.answer == "pass" and "not with all that it had: KEY" in verdict.because
    shop.run(10)
    assert shop.state(back.id) is State.SUCCEEDED


def test_a_rollback_whose_kept_version_is_gone_is_denied(shop: Rig) -> None:
    deployed(shop, released(shop, "1"))
    keep(shop, "second")
    deployed(shop, released(shop, "2"))
    told = shop.vault.versions("dev", "DB_PASS")[0]
    shop.vault.remove(told.environment, told.name, 1, shop.store.history.events(0, 1)[0])
    with pytest.raises(Denied, match="DB_PASS: version 1 was removed"):
        shop.operations.roll_back(RollBack("shop", "dev", "slow", "bob"))


def test_a_rollback_whose_version_in_vault_was_destroyed_changes_nothing_and_says_why(shop: Rig) -> None:
    """Otherwise it would begin, and find out when its instances do not start."""
    there = SecretSource(SecretStore.VAULT, "secret/shop", key="db")
    with_secrets(shop, there)
    shop.vault.texts["secret/shop"] = "hunter2"
    deployed(shop, released(shop, "1"))
    second = deployed(shop, released(shop, "2"))
    kept = shop.vault.texts.pop("secret/shop")
    back = shop.operations.roll_back(RollBack("shop", "dev", "slow", "bob"))
    shop.run(10)
    assert shop.state(back.id) is State.GATED and shop.all_on(second)
    assert "The gate secrets could not be asked, so it stays shut" in shop.row(back.id).because
    assert "secret/shop" in shop.row(back.id).because
    shop.vault.texts["secret/shop"] = kept
    shop.run(60)
    assert shop.state(back.id) is State.SUCCEEDED


def test_without_its_secret_a_deployment_is_refused_and_nothing_is_recorded(rig: Rig) -> None:
    with_secrets(rig, KEPT)
    rig.vault.texts["/etc/key"] = "s3cr3t"
    release = released(rig)
    with pytest.raises(SecretUnusable, match="dev keeps no secret 'DB_PASS'"):
        rig.deploy(release)
    assert rig.operations.deployments("", "", frozenset(), 9) == ()


def test_a_promotion_that_lacks_its_secret_is_refused_and_what_runs_is_kept(shop: Rig) -> None:
    staging = replace(shop.catalogue.get("staging"), promote=Promote.AUTOMATIC)
    shop.catalogue = Catalogue({**shop.catalogue.environments, "staging": staging})
    first = deployed(shop, released(shop))
    told = [e for e in shop.store.history.events(0, 500) if e.kind == "promotion.refused"]
    assert len(told) == 1 and "staging keeps no secret 'DB_PASS'" in told[0].because
    key = Key("shop", "dev", "web")
    shop.target.lose(key, shop.target.observe(key).instances[0].id)
    shop.run(20)
    assert shop.all_on(first)


def test_a_place_that_does_not_answer_delays_a_promotion_and_nothing_else(
    shop: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    staging = replace(shop.catalogue.get("staging"), promote=Promote.AUTOMATIC)
    shop.catalogue = Catalogue({**shop.catalogue.environments, "staging": staging})
    keep(shop, "hunter2", "staging")
    pin = shop.vault.pin

    def silent(source: SecretSource, environment: str) -> SecretSource:
        if environment == "staging":
            raise Unavailable("Vault does not answer.")
        return pin(source, environment)

    monkeypatch.setattr(shop.vault, "pin", silent)
    first = deployed(shop, released(shop))
    key = Key("shop", "dev", "web")
    shop.target.lose(key, shop.target.observe(key).instances[0].id)
    shop.run(20)
    assert shop.all_on(first) and shop.operations.deployments("", "staging", frozenset(), 9) == ()
    monkeypatch.setattr(shop.vault, "pin", pin)
    shop.run(20)
    assert [d.state for d in shop.operations.deployments("", "staging", frozenset(), 9)] == ["succeeded"]


def test_what_runs_is_known_to_the_redactor_before_anything_is_heard_of_it(shop: Rig) -> None:
    first = deployed(shop, released(shop))
    assert set(shop.plan(first).components[0].spec.secrets.values()) <= shop.vault.learnt


# --- the desk ---


def test_a_version_that_runs_or_may_be_gone_back_to_is_not_removed(shop: Rig) -> None:
    deployed(shop, released(shop, "1"))
    keep(shop, "second")
    third = keep(shop, "third")
    second = deployed(shop, released(shop, "2"))
    desk = shop.operations.secrets
    with pytest.raises(Conflict, match=r"a rollback of shop may go back to shop 1 \(#1\) with it"):
        desk.remove("dev", "DB_PASS", RemoveSecret(1, actor="ann"))
    with pytest.raises(Conflict, match=rf"shop runs with it in dev \({second}\)"):
        desk.remove("dev", "DB_PASS", RemoveSecret(third, actor="ann"))
    assert desk.remove("dev", "DB_PASS", RemoveSecret(2, actor="ann")).removed_by == "ann"
    needed = {view.version: bool(view.needed) for view in desk.versions("dev", "DB_PASS")}
    assert needed == {1: True, 2: False, 3: True}


def test_a_version_that_waits_to_be_deployed_is_not_removed(shop: Rig) -> None:
    view = shop.deploy(released(shop))
    with pytest.raises(Conflict, match=f"{view.id} deploys with it"):
        shop.operations.secrets.remove("dev", "DB_PASS", RemoveSecret(1, actor="ann"))


def test_secrets_are_listed_with_what_is_wrong_and_never_with_what_they_are(shop: Rig) -> None:
    shop.operations.secrets.set("dev", "STRAY", SetSecret("hunter3", actor="ann"))
    del shop.vault.texts["/etc/key"]
    views = {view.name: view for view in shop.operations.secrets.known("dev")}
    assert (views["DB_PASS"].version, views["DB_PASS"].actor, views["DB_PASS"].because) == (1, "ann", "")
    assert "There is nothing in file /etc/key" in views["KEY"].because
    assert views["STRAY"].place == "" and "add secrets: {STRAY: {kept: true}} to it" in views["STRAY"].because
    assert "hunter" not in str(views)
    assert {view.environment for view in shop.operations.secrets.known("")} == {"dev", "staging", "prod"}


def test_the_same_text_has_the_same_fingerprint_in_two_environments(shop: Rig) -> None:
    keep(shop, "hunter2", "prod")
    keep(shop, "other", "staging")
    of = shop.operations.secrets.fingerprint
    assert of("dev", "DB_PASS") == of("prod", "DB_PASS") != of("staging", "DB_PASS")
    with pytest.raises(NotFound, match=r"dev has no secret 'NOPE'\. It has: DB_PASS, KEY"):
        of("dev", "NOPE")


@pytest.mark.parametrize(
    ("name", "text", "because"),
    [("DB PASS", "x", "not the name of a secret"), ("-x", "x", "not the name"), ("OK", "", "it is empty"),
     ("OK", "x" * (1024 * 1024 + 1), "longer than 1024 KiB")],
)  # fmt: skip
def test_what_cannot_be_kept_is_refused_without_being_told(shop: Rig, name: str, text: str, because: str) -> None:
    with pytest.raises(Invalid, match=because):
        shop.operations.secrets.set("dev", name, SetSecret(text))


def test_a_secret_of_no_environment_is_refused(shop: Rig) -> None:
    with pytest.raises(NotFound, match="There is no environment 'nowhere'"):
        keep(shop, "x", "nowhere")
    with pytest.raises(NotFound, match="keeps no secret"):
        shop.operations.secrets.versions("dev", "NOPE")


def test_keys_are_changed_on_demand(shop: Rig) -> None:
    assert shop.operations.secrets.rotate(ChangeMasterKey(actor="ann")).after == "two"
    with pytest.raises(Conflict, match="nothing is lost"):
        shop.operations.secrets.rotate(ChangeMasterKey(lost=True, actor="ann"))


def test_the_way_back_is_kept_open_behind_releases_that_are_barred(shop: Rig) -> None:
    """A rollback goes past those; so the version of what it comes to is still needed."""
    deployed(shop, released(shop, "1"))
    for number in range(2, 7):
        keep(shop, f"word {number}")
        deployed(shop, released(shop, str(number)))
    for number in range(2, 6):
        row = shop.row(f"dep-{number}")
        bar = Quarantine("shop", "dev", row.release, "slow", 1.0, "bob")
        shop.store.quarantines.bar(bar, shop.store.history.events(0, 1)[0])
    with pytest.raises(Conflict, match=r"a rollback of shop may go back to shop 1 \(#1\) with it"):
        shop.operations.secrets.remove("dev", "DB_PASS", RemoveSecret(1, actor="ann"))
    back = shop.operations.roll_back(RollBack("shop", "dev", "slow", "bob"))
    assert secret_of(shop, back.id).version == 1
