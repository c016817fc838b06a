"""Good files become exactly the core's values; scalars stay the text that was written."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lockgate.config.application_file import read_application
from lockgate.config.document import Table, lines_of, parse
from lockgate.config.environments_file import read_catalogue
from lockgate.core.application import (
    Application,
    CommandCheck,
    Component,
    Container,
    Health,
    HttpCheck,
    Strategy,
    StrategyKind,
)
from lockgate.core.approval import ApprovalExemption, ApprovalRule, BreakGlass, Party
from lockgate.core.artifact import ArtifactKind, Reference
from lockgate.core.canary import Canary, Criteria, Pin, Stage
from lockgate.core.environment import (
    Catalogue,
    Cell,
    Environment,
    Listen,
    OnFailure,
    Promote,
    ProvenanceRule,
    Queueing,
    Rollout,
    Soak,
    TargetSpec,
    VulnerabilityRule,
)
from lockgate.core.finding import Severity
from lockgate.core.notification import NotificationRule, Rhythm
from lockgate.core.policy import Mode, PolicyUse
from lockgate.core.secret import SecretSource, SecretStore

REFERENCE = Path(__file__).parents[2] / "docs" / "reference"

SMALLEST = "application: shop\ncomponents: {web: {artifact: pypi:web, run: 'web {port}'}}\n"


def component(fields: str) -> Component:
    text = f"application: shop\ncomponents:\n  web:\n    artifact: pypi:web\n    run: web {{port}}\n    {fields}\n"
    return read_application(text).value.components["web"]


def application(fields: str) -> Application:
    return read_application(SMALLEST + fields).value


def environment(fields: str) -> Environment:
    return read_catalogue(f"environments: {{dev: {{{fields}}}}}").value.environments["dev"]


def test_what_is_not_written_has_the_cores_own_defaults() -> None:
    web = Component("web", Reference(ArtifactKind.PYPI, "web"), ("web", "{port}"))
    assert read_application(SMALLEST).value == Application("shop", {"web": web})
    assert environment("") == Environment("dev")


def test_the_annotated_application_is_read() -> None:
    read = read_application((REFERENCE / "lockgate.yaml").read_text())
    web, indexer = read.value.components["web"], read.value.components["indexer"]
    assert web.run[-1] == "{values.time_limit}"
    assert (web.health, web.replicas, web.resources.memory_bytes) == (Health("/-/versions.json"), 2, 256 * 2**20)
    assert web.files["catalogue.db"] == Reference(ArtifactKind.FILE, "./catalogue.db")
    assert not indexer.takes_traffic
    assert [c.name for c in read.value.in_order()] == ["indexer", "web", "thumbnails", "gateway"]
    canary = read.value.strategy.canary
    assert canary is not None
    assert canary.stages == (Stage(100, 600.0), Stage(1000, 1200.0), Stage(5000, 600.0, hold=True))
    assert canary.pins == (Pin("yes", header="x-tester"), Pin("yes", cookie="tester"))
    assert (canary.instances, canary.within, canary.criteria.dispersion) == (1, 14400.0, 3.0)
    http, command = read.value.verify
    assert isinstance(http, HttpCheck)
    assert http.json == {"rows.0.id": 1, "truncated": False}
    assert command == CommandCheck(("./smoke.sh", "{url}"), 60.0)
    gateway = read.value.components["gateway"]
    assert (gateway.artifact.name, gateway.path) == ("registry.example.org/shop/gateway:5", "/gateway")
    assert (gateway.container.port, gateway.container.user) == (8443, "1000")
    thumbnails = read.value.components["thumbnails"]
    assert thumbnails.needs == ("gpu",)
    assert thumbnails.artifact == Reference(ArtifactKind.OCI, "registry.example.org/shop/thumbnails:2.1")
    assert thumbnails.container == Container(
        entrypoint=("/usr/bin/thumbnails", "--verbose"),
        port=8080,
        user="nobody:nogroup",
        read_only=True,
        capabilities=("NET_BIND_SERVICE",),
        mounts={"/var/lib/thumbnails": "thumbnails", "/srv/pictures": "/srv/pictures:ro"},
        scratch=("/tmp",),
    )


def test_the_annotated_environments_are_read() -> None:
    read = read_catalogue((REFERENCE / "environments.yaml").read_text())
    assert [e.name for e in read.value.in_order()] == ["dev", "staging", "prod", "edge", "world"]
    prod = read.value.environments["prod"]
    assert [rule.written for rule in prod.windows][-1] == "holidays.ics" and len(prod.windows) == 4
    assert replace(prod, windows=()) == Environment(
        name="prod",
        after="staging",
        target=TargetSpec("process", {"ports": "20000-20999", "user": "www-data"}),
        listen={"catalogue": Listen("0.0.0.0", 8083), "*": Listen("127.0.0.1", 8084)},
        promote=Promote.ON_DEMAND,
        queueing=Queueing.NEWEST,
        values={"time_limit": "2000"},
        secrets={
            "api_key": SecretSource(SecretStore.FILE, "/etc/lockgate/api_key"),
            "password": SecretSource(SecretStore.VARIABLE, "SHOP_PASSWORD"),
            "db_password": SecretSource(SecretStore.KEPT, "db_password"),
            "mail_password": SecretSource(SecretStore.KEPT, "smtp"),
            "signing_key": SecretSource(SecretStore.VAULT, "secret/data/shop", key="signing_key", version=3),
        },
        replicas={"web": 2, "catalogue/web": 4},
        strategy=Strategy(StrategyKind.CANARY, canary=Canary((Stage(500, 600.0), Stage(5000, 600.0)))),
        owner="shop",
        purpose="what customers get",
        tier="production",
        users=("customers", "support"),
        endpoints={"shop": "https://shop.example.org/"},
        capabilities=("gpu", "internet"),
        policies=(
            PolicyUse("images-by-digest"),
            PolicyUse("soaked", {"least": "1h", "where": "staging"}),
            PolicyUse("change-size", mode=Mode.ADVISE),
        ),
        rules=prod.rules,
        approvals=ApprovalRule(("release-managers",), 2, tuple(Party), 86400.0, (ApprovalExemption.ROLLBACK,)),
        break_glass=BreakGlass(("on-call",), 86400.0),
        notify=(
            NotificationRule("releases", ("failures", "waits", "approvals", "deployment.succeeded"), ("catalogue",)),
            NotificationRule("mail", ("finished",), digest=Rhythm(minute=540, zone="Europe/Berlin")),
            NotificationRule("office", ("failures",), digest=Rhythm(3600.0)),
        ),
    )
    assert read.value.environments["dev"].values == {"time_limit": "1000"}
    assert [rule.name for rule in prod.rules or ()] == [
        "images-by-digest", "soaked", "change-size",
    ]  # fmt: skip
    assert read.value.environments["edge"].target == TargetSpec(
        "docker",
        {
            "engine": "tcp://10.0.0.5:2376",
            "tls": "/etc/lockgate/engine",
            "network": "bridge",
            "address": "10.0.0.5",
            "ports": "21000-21999",
        },
    )
    world = read.value.environments["world"]
    assert world.cells == {
        "north": Cell("north", listen={"*": Listen("127.0.0.1", 8086)}, values={"region": "north"}),
        "south": Cell(
            "south",
            TargetSpec("process", {"ports": "22000-22999"}),
            {"*": Listen("127.0.0.1", 8087)},
            {"region": "south"},
        ),
    }
    assert world.rollout == Rollout(("south", "north"), parallel=1, bake=600.0, on_failure=OnFailure.ALL)
    assert list(world.places()) == ["south", "north"]


@pytest.mark.parametrize("text", ["1.10", "no", "on", "0644", "1_000", "12:30", "2026-11-21", "1e3", "true", "0x1F"])
def test_text_stays_as_it_is_written(text: str) -> None:
    assert application(f"values: {{x: {text}}}").values == {"x": text}
    assert component(f"env: {{X: {text}}}").env == {"X": text}


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("10s", 10.0), ("10", 10.0), ("1500ms", 1.5), ("1100ms", 1.1), ("2m", 120.0), ("1h", 3600.0), ("0.5s", 0.5),
     ("2 s", 2.0), ("'3s'", 3.0)],
)  # fmt: skip
def test_durations_are_seconds(written: str, seconds: float) -> None:
    assert component(f"stop: {{grace: {written}}}").stop.grace == seconds


@pytest.mark.parametrize(
    ("written", "count"),
    [("256MiB", 2**28), ("1GB", 10**9), ("4194304", 2**22), ("1.5GiB", 3 * 2**29), ("9000kB", 9_000_000)],
)
def test_sizes_are_bytes(written: str, count: int) -> None:
    assert component(f"resources: {{memory: {written}}}").resources.memory_bytes == count


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("web --x 'a b' {port}", ("web", "--x", "a b", "{port}")),
        ("[web, 'a b', '']", ("web", "a b", "")),
        ("[sh, -c, 'web && x {port}']", ("sh", "-c", "web && x {port}")),
        ("[web, 1.10, no]", ("web", "1.10", "no")),
        ("web '{{a}}'", ("web", "{{a}}")),
    ],
)
def test_a_command_is_words(written: str, words: tuple[str, ...]) -> None:
    text = f"application: shop\ncomponents:\n  web:\n    artifact: pypi:web\n    run: {written}\n"
    assert read_application(text).value.components["web"].run == words


@pytest.mark.parametrize(
    ("written", "value"),
    [("1", 1), ("'1'", "1"), ("true", True), ("'true'", "true"), ("null", None), ("~", None), ("no", "no"), ("-7", -7)],
)
def test_a_json_value_has_the_type_it_looks_like(written: str, value: Any) -> None:
    check = application(f"verify: [{{http: {{path: /, json: {{a.b: {written}}}}}}}]").verify[0]
    assert isinstance(check, HttpCheck)
    assert check.json == {"a.b": value}
    assert type(check.json["a.b"]) is type(value)


@pytest.mark.parametrize("kind", list(StrategyKind))
def test_a_strategy_is_a_word_or_has_settings(kind: StrategyKind) -> None:
    usual = Strategy(kind, canary=Canary() if kind is StrategyKind.CANARY else None)
    assert application(f"strategy: {kind.value}").strategy == usual
    assert application(f"strategy: {{{kind.value}: }}").strategy == usual
    assert application(f"strategy: {{{kind.value}: {{drain: 5s}}}}").strategy == replace(usual, drain=5.0)


def test_the_steps_of_a_canary_are_shares_that_soak_and_may_hold() -> None:
    steps = "[0.5%, {weight: 5%, soak: 1m}, {weight: 50%, hold: true}]"
    written = application(f"strategy: {{canary: {{steps: {steps}, min_soak: 2m}}}}").strategy.canary
    assert written is not None
    assert written.stages == (Stage(50, 120.0), Stage(500, 60.0), Stage(5000, 120.0, hold=True))
    soaking = application("strategy: {canary: {min_soak: 30s}}").strategy.canary
    assert soaking is not None
    assert [(stage.weight, stage.soak) for stage in soaking.stages] == [
        (100, 30.0),
        (500, 30.0),
        (2500, 30.0),
        (5000, 30.0),
    ]


def test_what_decides_a_canary_is_written_in_per_cent_and_time() -> None:
    analysis = "{alpha: 2%, beta: 0.5%, negligible: 0.2%, objective: 1%, warm_up: 5s, window: 10s, latency: false}"
    written = application(f"strategy: {{canary: {{analysis: {analysis}, sticky: true}}}}").strategy.canary
    assert written is not None and written.sticky
    assert written.criteria == Criteria(
        alpha=0.02, beta=0.005, negligible=0.002, objective=0.01, warm_up=5.0, window=10.0, latency=False
    )


def test_an_environment_may_have_a_strategy_of_its_own() -> None:
    assert environment("listen: 8081").strategy is None
    assert environment("strategy: rolling").strategy == Strategy(StrategyKind.ROLLING)


@pytest.mark.parametrize("written", ["8081", "127.0.0.1:8081", "localhost:8081", "'8081'", "':8081'"])
def test_an_address_without_a_host_is_on_loopback(written: str) -> None:
    assert environment(f"listen: {written}").listen == {"*": Listen("127.0.0.1", 8081)}


def test_every_address_may_be_listened_on() -> None:
    assert environment("listen: {shop: 0.0.0.0:80}").listen == {"shop": Listen("0.0.0.0", 80)}


def image(fields: str) -> Component:
    text = f"application: shop\ncomponents: {{web: {{artifact: 'oci:web:1', {fields}}}}}\n"
    return read_application(text).value.components["web"]


def test_an_image_needs_no_command() -> None:
    assert image("") == Component("web", Reference(ArtifactKind.OCI, "web:1"))


@pytest.mark.parametrize(
    ("fields", "takes"),
    [
        ("", False),
        ("run: '--port {port}'", True),
        ("env: {PORT: '{port}'}", True),
        ("container: {port: 80}", True),
        ("container: {entrypoint: 'web {port}'}", True),
        ("container: {user: '1000:1000'}", False),
    ],
)
def test_an_image_takes_requests_where_its_port_is_known(fields: str, takes: bool) -> None:
    assert image(fields).takes_traffic is takes


def test_a_port_in_a_variable_is_as_good_as_one_in_the_command() -> None:
    text = "application: a\ncomponents: {web: {artifact: pypi:w, run: w, health: /, env: {PORT: '{port}'}}}\n"
    assert read_application(text).value.components["web"].takes_traffic


def test_no_capabilities_are_not_the_usual_ones() -> None:
    assert image("container: {capabilities: []}").container.capabilities == ()
    assert image("container: {}").container.capabilities is None


@pytest.mark.parametrize("written", ["/srv/data", "/srv/data:ro", "data", "data:ro", "'{values.data}'"])
def test_a_folder_or_a_volume_is_mounted(written: str) -> None:
    assert image(f"container: {{mounts: {{/data: {written}}}}}").container.mounts == {"/data": written.strip("'")}


@pytest.mark.parametrize(
    "engine",
    ["unix:///run/docker.sock", "tcp://engine:2376", "tcp://10.0.0.5:2376", "ssh://ann@engine", "ssh://ann@engine:22"],
)
def test_an_engine_is_named_as_docker_does(engine: str) -> None:
    assert environment(f"target: {{docker: {{engine: '{engine}'}}}}").target.settings == {"engine": engine}


def test_the_target_docker_may_stand_alone() -> None:
    assert environment("target: docker").target == TargetSpec("docker")


def test_ports_of_an_engine_elsewhere_are_not_this_machines() -> None:
    target = "docker: {engine: 'tcp://10.0.0.5:2376', ports: 20000-20999}"
    assert environment(f"target: {{{target}}}, listen: 20001").listen == {"*": Listen("127.0.0.1", 20001)}


def test_an_alias_stands_for_what_it_names() -> None:
    text = "application: shop\ncomponents:\n  a: &a {artifact: pypi:x, run: x}\n  b: *a\n"
    components = read_application(text).value.components
    assert (components["a"].name, components["b"].name) == ("a", "b")
    assert components["a"].run == components["b"].run


def test_every_field_has_the_line_it_is_written_on() -> None:
    root = parse("a:\n  b: 1\n  c:\n    - x\n    - d: {e: 1}\n", "f.yaml")
    assert isinstance(root, Table)
    assert lines_of(root) == {"a": 1, "a.b": 2, "a.c": 3, "a.c[0]": 4, "a.c[1]": 5, "a.c[1].d": 5, "a.c[1].d.e": 5}


def test_an_unwritten_field_has_the_line_of_what_is_around_it() -> None:
    read = read_catalogue("environments:\n  dev:\n    listen: 1\n")
    assert isinstance(read.value, Catalogue)
    assert (read.line("environments.dev.listen.*"), read.line("environments.dev.owner"), read.line("x")) == (3, 2, None)


def test_what_an_environment_asks_of_releases() -> None:
    rules = (
        "{provenance: {keys: [/k.pem], builders: ['https://ci/*']}, "
        "vulnerabilities: {refuse: high, scanned_within: 7d}, soak: {in: dev, for: 2h}}"
    )
    text = f"environments: {{dev: {{listen: 1, vulnerabilities: medium}}, prod: {rules}}}"
    found = read_catalogue(text).value.environments
    assert found["dev"].vulnerabilities == VulnerabilityRule(Severity.MEDIUM)
    assert found["dev"].provenance is None and found["dev"].soak is None
    assert found["prod"].provenance == ProvenanceRule(("/k.pem",), builders=("https://ci/*",))
    assert found["prod"].vulnerabilities == VulnerabilityRule(Severity.HIGH, scanned_within=7 * 86_400.0)
    assert found["prod"].soak == Soak("dev", 7200.0)


def test_a_public_key_may_stand_in_the_file() -> None:
    key = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----\n"
    lines = "".join(f"          {line}\n" for line in key.splitlines())
    text = f"environments:\n  dev:\n    provenance:\n      keys:\n        - |\n{lines}"
    rule = read_catalogue(text).value.environments["dev"].provenance
    assert rule is not None and rule.keys == (key,)
