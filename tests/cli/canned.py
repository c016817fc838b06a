"""Answers that a server could give: a catalogue in three environments, one release on its way in, one taken back."""

from dataclasses import replace

from lockgate.messages import (
    ArtifactView,
    AuditView,
    CellView,
    ChannelView,
    DeliveryView,
    DeploymentView,
    EnvironmentView,
    EventView,
    Explanation,
    InstanceView,
    LogView,
    Place,
    Preview,
    QuarantineView,
    ReleaseView,
    Status,
    StatusRow,
    Usable,
    VerdictView,
)
from lockgate.messages.audit import KeysView, KeyView, StatementView, Verification

NOW = 1_790_000_000.0
"""2026-09-21T14:13:20Z"""

GOOD_LABEL, NEW_LABEL, BAD_LABEL = "catalogue 0.65.1 (#2)", "catalogue 0.65.2 (#3)", "catalogue 0.64.8 (#4)"

RUNNING = DeploymentView(
    id="dep-7",
    application="catalogue",
    environment="staging",
    release="rel-3a3a3a3a3a3a",
    release_label=NEW_LABEL,
    plan="sha256:" + "7" * 64,
    kind="deploy",
    state="running",
    want="run",
    because="Move traffic of web: 50 % to 0.65.2, 50 % to 0.65.1",
    who="",
    actor="ann",
    reason="faster tables",
    urgent=False,
    created_at=NOW - 12.0,
    started_at=NOW - 11.5,
    ended_at=None,
    state_since=NOW - 11.5,
    step="shift",
    words="Move traffic of web: 50 % to 0.65.2, 50 % to 0.65.1",
    steps_taken=5,
    component="web",
    holds=False,
    final=False,
)

SUCCEEDED = replace(
    RUNNING,
    state="succeeded",
    because="What was deployed runs and has passed its checks.",
    ended_at=NOW,
    state_since=NOW,
    step="",
    words="",
    steps_taken=9,
    holds=True,
    final=True,
)

ROLLED_BACK = replace(
    SUCCEEDED,
    id="dep-6",
    environment="dev",
    release="rel-4b4b4b4b4b4b",
    release_label=BAD_LABEL,
    state="rolled_back",
    reason="",
    actor="lockgate",
    because="What ran before runs again.",
    created_at=NOW - 3600.0,
    started_at=NOW - 3599.0,
    ended_at=NOW - 3590.0,
    holds=False,
    failure="web did not become ready: its process ended with 1 after 0.4 s.",
)

GATED = replace(
    RUNNING,
    id="dep-8",
    environment="prod",
    state="gated",
    because="catalogue 0.65.2 (#3) has not succeeded in staging yet.",
    who="whoever may promote to staging",
    started_at=None,
    step="",
    words="",
    steps_taken=0,
    reason="",
    created_at=NOW - 300.0,
)


def event(seq: int, ago: float, kind: str, because: str, actor: str = "lockgate", step: str = "") -> EventView:
    data = {"step": step} if step else {}
    place = ("catalogue", "staging", "dep-7", "rel-3a3a3a3a3a3a")
    return EventView(seq, NOW - ago, kind, because, actor, *place, data)


EVENTS = (
    event(41, 12.0, "deployment.requested", "catalogue 0.65.2 (#3) to staging: faster tables", "ann"),
    event(42, 11.8, "deployment.ready", "Every gate is open."),
    event(43, 11.5, "deployment.running", "It changes staging."),
    event(44, 11.4, "deployment.step", "Start 2 instances of web 0.65.2", step="ensure"),
    event(45, 4.2, "deployment.step", "Move traffic of web: 50 % to 0.65.2, 50 % to 0.65.1", step="shift"),
)

LAST_EVENT = event(46, 0.0, "deployment.succeeded", "What was deployed runs and has passed its checks.")

ENVIRONMENTS = (
    EnvironmentView("dev", None, "automatic", "process", "", "the newest release", {"*": "127.0.0.1:8081"}, {}),
    EnvironmentView("staging", "dev", "automatic", "process", "", "", {"*": "127.0.0.1:8082"}, {}),
    EnvironmentView("prod", "staging", "on-demand", "process", "platform", "users", {"*": "127.0.0.1:8083"}, {}),
)

INSTANCES = (
    InstanceView("web-a-0", "web", "aaaaaaaaaaaa", 0, "ready", "127.0.0.1:20001", 0, "", NOW - 4000),
    InstanceView("web-b-0", "web", "bbbbbbbbbbbb", 0, "starting", "127.0.0.1:20002", 0, "", NOW - 2),
    InstanceView("web-b-1", "web", "bbbbbbbbbbbb", 1, "failed", "", 2, "It ended with 1.\nTraceback", NOW - 2),
)

DEV = StatusRow(
    application="catalogue",
    environment="dev",
    url="http://127.0.0.1:8081/",
    release="rel-3a3a3a3a3a3a",
    release_label=NEW_LABEL,
    deployment="dep-5",
    deployed_at=NOW - 4000,
    standing="as deployed",
    because="What runs is what was deployed.",
    observed_at=NOW - 2,
    ready=2,
    wanted=2,
    quarantined=(BAD_LABEL,),
)

STAGING = replace(
    DEV,
    environment="staging",
    url="http://127.0.0.1:8082/",
    release="rel-2c2c2c2c2c2c",
    release_label=GOOD_LABEL,
    deployment="dep-4",
    because="dep-7 is changing it.",
    instances=INSTANCES,
    weights={"0.65.1 (2c2c2c)": 5000, "0.65.2 (3a3a3a)": 5000},
    under_way=RUNNING,
    quarantined=(),
)

CELLS = (
    CellView("north", "http://127.0.0.1:8086/", "rel-3a3a3a3a3a3a", NEW_LABEL, "as deployed", "", 2, 2, "bakes"),
    CellView("south", "http://127.0.0.1:8087/", "rel-2c2c2c2c2c2c", GOOD_LABEL, "drifted", "1 of 2 are ready.", 1, 2),
    CellView("west", "", "", "", "nothing deployed", "Nothing has been deployed here.", 0, 0, "waits"),
)

WORLD = replace(
    STAGING, url="", release_label="catalogue several releases", cells=CELLS,
    instances=tuple(replace(one, cell="north") for one in INSTANCES), weights={"north/web 0.65.2 (3a3a3a)": 10_000},
)  # fmt: skip

PROD = replace(
    STAGING,
    environment="prod",
    url="http://127.0.0.1:8083/",
    deployment="dep-3",
    standing="unknown",
    because="It was last observed 95 s ago.",
    observed_at=NOW - 95,
    ready=0,
    instances=(),
    weights={},
    under_way=GATED,
    waiting=2,
)

SHOP = replace(
    DEV,
    application="shop",
    release="",
    release_label="",
    deployment="",
    deployed_at=None,
    standing="nothing deployed",
    because="Nothing has been deployed here.",
    observed_at=None,
    ready=0,
    wanted=0,
    quarantined=(),
)

STATUS = Status(NOW, ENVIRONMENTS, (DEV, STAGING, PROD, SHOP), ("The router does not answer: it has ended.",))

RELEASE = ReleaseView(
    id="rel-3a3a3a3a3a3a",
    number=3,
    application="catalogue",
    version="0.65.2",
    label=NEW_LABEL,
    digest="sha256:" + "3" * 64,
    created_at=NOW - 5000,
    created_by="ann",
    commit="1f2e3d",
    url="",
    artifacts=(ArtifactView("web", "datasette", "0.65.2", "sha256:" + "d" * 64, "pypi:datasette==0.65.2"),),
    places=(Place("dev", "runs", "dep-5", NOW - 4000), Place("staging", "running", "dep-7", NOW - 11.5)),
)

BAD_RELEASE = replace(
    RELEASE,
    id="rel-4b4b4b4b4b4b",
    number=4,
    version="0.64.8",
    label=BAD_LABEL,
    places=(Place("dev", "quarantined", "dep-6", NOW - 3590, "It did not become ready."),),
)

VERDICTS = (
    VerdictView("quarantine", "pass", "catalogue 0.65.2 (#3) is not barred from prod."),
    VerdictView(
        "promotion order",
        "wait",
        "catalogue 0.65.2 (#3) has not succeeded in staging yet.",
        NOW + 600,
        "whoever may promote to staging",
    ),
)

DENIED = (VerdictView("quarantine", "deny", "catalogue 0.64.8 (#4) is barred from dev: it did not become ready."),)

PLAN = (
    "catalogue in staging changes from release rel-2c2c2c2c2c2c to rel-3a3a3a3a3a3a, by blue-green.",
    "web: datasette 0.65.1 becomes datasette 0.65.2 (sha256:dddddddddddd).",
    "  2 instances started beside the old ones, all traffic moved at once, old ones drained; 2 checks before it gets "
    "traffic and again with all of it. Traffic arrives at 127.0.0.1:8082.",
    "If it fails, staging goes back to release rel-2c2c2c2c2c2c with the configuration it has now.",
)

EXPLANATION = Explanation(
    deployment=RUNNING,
    sentences=(
        "dep-7 (catalogue 0.65.2 (#3) to staging, asked for by ann) is changing the environment, since 12 s.",
        "Move traffic of web: 50 % to 0.65.2, 50 % to 0.65.1",
        "Nobody needs to act.",
    ),
    verdicts=VERDICTS,
    plan=PLAN,
    timeline=EVENTS,
    commands=("lockgate watch dep-7", "lockgate pause dep-7", "lockgate abort dep-7"),
)

PREVIEW = Preview("catalogue", "staging", "rel-3a3a3a3a3a3a", NEW_LABEL, "sha256:" + "7" * 64, PLAN, VERDICTS)

LOGS = LogView(("web-a-0 | INFO: started", "web-a-0 | GET / 200"), {"web-a-0": 57})

QUARANTINES = (
    QuarantineView(
        "catalogue", "dev", "rel-4b4b4b4b4b4b", BAD_LABEL, "It did not become ready.", NOW - 3590, "lockgate"
    ),
)

AUDIT = AuditView(EVENTS[:1], whole=True)

BROKEN_AUDIT = AuditView(EVENTS[:1], whole=False, broken_at=3)

KEYS = KeysView(
    (
        KeyView("sha256:" + "a1" * 32, "-----BEGIN PUBLIC KEY-----\n", NOW - 9000, NOW - 60),
        KeyView("sha256:" + "b2" * 32, "-----BEGIN PUBLIC KEY-----\n", NOW - 60, None),
    ),
    "the file\n",
)

VERIFIED = Verification(True, 45, 1, 45, 1, (KEYS.keys[0].id, KEYS.keys[1].id))

EDITED = Verification(False, 2, 1, 2, 0, (), "Entry 2 is not the one that 3 says came before it: one was changed.", 3)

STATEMENT = StatementView("e30=", "application/vnd.in-toto+json", ({"keyid": KEYS.keys[1].id, "sig": "AA=="},))

CHANNELS = (
    ChannelView(
        "releases",
        "slack",
        "",
        ("everywhere: release.created", "prod: failures, waits, approvals"),
        0,
        2,
        "'catalogue 0.65.2 (#3) in prod has failed' was given up 12 s ago.",
    ),
    ChannelView(
        "mail", "email", "to platform@example.org by mail.example.org:587", ("prod: finished, daily 09:00 UTC",), 3
    ),
    ChannelView("nobody", "webhook", "", (), last="'Test of the channel nobody' was delivered 4 days ago."),
)

DELIVERED = DeliveryView(
    "ntf-46-releases",
    "releases",
    "catalogue 0.65.2 (#3) in staging has succeeded",
    "delivered",
    "",
    1,
    NOW - 2,
    NOW - 2,
    NOW - 1,
    46,
    "finished",
    False,
)
WAITING = replace(
    DELIVERED,
    id="ntf-47-mail",
    channel="mail",
    state="waiting",
    because="mail.example.org:587 does not answer.",
    attempts=3,
    due_at=NOW + 30,
    settled_at=None,
)
DEAD = replace(
    DELIVERED,
    id="ntf-40-releases",
    state="dead",
    settled_at=NOW - 300,
    because="hooks.example.org refuses it with 404 (no_service). Look whether its url is still the one you were given.",
)

MACHINE = (
    *(Usable(name, True, "1.0 is here.") for name in ("Python", "SQLite", "router (Envoy)", "uv", "data folder")),
    Usable("address", True, "The server listens on 127.0.0.1:7070."),
    Usable(
        "Docker", False, "/var/run/docker.sock does not answer: No such file or directory.", "Nothing needs it yet."
    ),
)
