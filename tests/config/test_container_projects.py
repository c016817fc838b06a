"""`lockgate init` where there is a compose file or a Dockerfile: what has a counterpart is carried over, the rest is
said, and whatever is proposed is read."""

import json
import tempfile
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lockgate.config.application_file import read_application
from lockgate.config.compose import read_compose
from lockgate.config.dockerfile import Image, read_dockerfile
from lockgate.config.environments_file import read_catalogue
from lockgate.config.project import detect
from lockgate.config.proposal import Proposal
from lockgate.config.service import seconds
from lockgate.config.together import check_together
from lockgate.core.application import Application, Component, Container, Health, HttpCheck, Resources, Stop
from lockgate.core.environment import TargetSpec
from lockgate.core.secret import SecretSource, SecretStore

FLASK_AND_REDIS = """
version: "3.9"
services:
  web:
    build: .
    ports:
      - "8000:5000"
    depends_on: [redis]
    volumes:
      - .:/code
    environment:
      FLASK_ENV: development
  redis:
    image: "redis:alpine"
"""

SHOP = """
x-logging: &logging
  logging: {driver: json-file, options: {max-size: 10m}}
x-app: &app
  <<: *logging
  image: registry.example/acme/shop:${TAG:-1.4.2}
  environment: &environment
    DATABASE_URL: postgres://${DB_USER:-shop}@${DB_HOST}/shop
    SECRET_KEY: hunter2
    TEMPLATE: '{"level": "info"}'
    SIGNING_KEY_FILE: /run/secrets/signing
  secrets: [signing, elsewhere]
  restart: unless-stopped
services:
  api:
    <<: *app
    command: gunicorn --bind 0.0.0.0:8080 --workers ${WORKERS-4} shop:app
    entrypoint: ["/usr/bin/tini", "--"]
    user: "1000:1000"
    read_only: true
    tmpfs: /tmp
    cap_drop: [ALL]
    cap_add: [NET_BIND_SERVICE]
    security_opt: ["no-new-privileges:true"]
    ports:
      - "127.0.0.1:8081:8080"
      - "9000:9000/udp"
    volumes:
      - media:/srv/media
      - /etc/shop:/etc/shop:ro
      - type: tmpfs
        target: /var/cache/shop
    healthcheck:
      test: ["CMD", "curl", "-f", "http://localhost:8080/healthz?full=1"]
      interval: 1m30s
      timeout: 10s
      start_period: 90s
    depends_on:
      postgres: {condition: service_healthy}
    deploy:
      replicas: 3
      resources:
        limits: {cpus: "0.50", memory: 512M, pids: 100}
        reservations: {memory: 128M}
    stop_signal: SIGINT
    stop_grace_period: 1m
  worker:
    <<: *app
    command: [shop, worker]
    mem_limit: 1g
    env_file: .env
  admin:
    <<: *app
    ports: [{target: 9090, published: "9090"}]
  postgres:
    image: postgres:16
    ports: ["5432:5432"]
    environment:
      - POSTGRES_DB=shop
      - POSTGRES_PASSWORD=hunter2
      - POSTGRES_HOST_AUTH_METHOD
    volumes: [db:/var/lib/postgresql/data, /var/run/docker.sock:/var/run/docker.sock]
    healthcheck: {test: ["CMD-SHELL", "pg_isready -U shop"]}
volumes: {media: {}, db: {}}
secrets:
  signing: {file: ./keys/signing.pem}
  elsewhere: {external: true}
"""


def proposed(folder: Path, **files: str) -> Proposal:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(textwrap.dedent(text))
    return detect(folder)


def application(proposal: Proposal) -> Application:
    """Both files are read, and together they can be planned."""
    read = read_application(proposal.files["lockgate.yaml"])
    catalogue = read_catalogue(proposal.files["environments.yaml"])
    assert check_together(read, catalogue) == ()
    assert all(environment.target == TargetSpec("docker") for environment in catalogue.value.environments.values())
    return read.value


def component(folder: Path, service: str) -> Component:
    return next(iter(application(proposed(folder, compose__yaml=f"services:\n  web: {service}\n")).components.values()))


def said(proposal: Proposal) -> list[str]:
    lines = (line.strip() for line in proposal.files["lockgate.yaml"].splitlines())
    return [line.removeprefix("# Not carried over: ") for line in lines if line.startswith("# Not carried over")]


# --- compose ---


def test_a_first_compose_file(tmp_path: Path) -> None:
    folder = tmp_path / "counter"
    folder.mkdir()
    proposal = proposed(folder, **{"docker-compose__yml": FLASK_AND_REDIS}, Dockerfile="FROM x\n")
    web, redis = application(proposal).components.values()
    assert proposal.kind == "compose"
    assert str(web.artifact) == "oci:registry.example.org/web:1"
    assert str(redis.artifact) == "oci:redis:alpine"
    assert (web.container.port, web.after, web.env) == (5000, ("redis",), {"FLASK_ENV": "development"})
    assert not redis.takes_traffic
    assert said(proposal) == ["volume .:/code: an environment knows no repository; use `files`, or a folder from / on"]
    assert "TO BE FILLED IN: the service is built from a Dockerfile" in proposal.files["lockgate.yaml"]
    assert "# There is a Dockerfile. It was passed over." in proposal.files["lockgate.yaml"]
    assert any(note.startswith("web: The service is built from a Dockerfile") for note in proposal.notes)


def test_what_has_a_counterpart_is_carried_over(tmp_path: Path) -> None:
    shop = application(proposed(tmp_path, compose__yaml=SHOP))
    api = shop.components["api"]
    assert str(api.artifact) == "oci:registry.example/acme/shop:1.4.2"
    assert api.run == ("gunicorn", "--bind", "0.0.0.0:8080", "--workers", "{values.WORKERS}", "shop:app")
    assert api.env == {
        "DATABASE_URL": "postgres://{values.DB_USER}@{values.DB_HOST}/shop",
        "TEMPLATE": '{{"level": "info"}}',
        "SIGNING_KEY_FILE": "/run/secrets/signing",
    }
    assert shop.values == {"DB_USER": "shop", "DB_HOST": "", "WORKERS": "4"}
    assert api.container == Container(
        entrypoint=("/usr/bin/tini", "--"),
        port=8080,
        user="1000:1000",
        read_only=True,
        capabilities=("NET_BIND_SERVICE",),
        mounts={"/srv/media": "media", "/etc/shop": "/etc/shop:ro"},
        scratch=("/var/cache/shop", "/tmp"),
    )
    assert api.health == Health("/healthz?full=1", interval=90.0, timeout=10.0, start_within=90.0)
    assert (api.replicas, api.resources) == (3, Resources(memory_bytes=512 * 2**20, cpu=0.5, pids=100))
    assert (api.stop, api.after, api.secrets) == (Stop("INT", 60.0), ("postgres",), ("signing",))
    assert shop.components["worker"].resources.memory_bytes == 2**30
    assert [c.path for c in shop.components.values() if c.takes_traffic] == ["/", "/admin"]
    (check,) = shop.verify
    assert isinstance(check, HttpCheck)
    assert check.path == "/healthz?full=1"


def test_what_has_none_is_said(tmp_path: Path) -> None:
    found = said(proposed(tmp_path, compose__yaml=SHOP))
    secret = "it looks like a secret; let the program read a file, and name it in `secrets`"
    assert found[:5] == [
        f"environment SECRET_KEY: {secret}",
        "port 9000:9000/udp: only single TCP ports are known here",
        "deploy.resources.reservations: Lockgate has limits only",
        "secret elsewhere: nothing says where it is kept",
        "security_opt: Lockgate has nothing like it",
    ]
    assert "env_file: write what .env holds under `env`, `values` or `secrets`" in found
    assert "port 5432:5432: it does not speak HTTP, which is all that Lockgate routes" in found
    assert f"environment POSTGRES_PASSWORD: {secret}" in found
    assert "environment POSTGRES_HOST_AUTH_METHOD: it comes from the shell of whoever starts it" in found
    assert "healthcheck: it runs a command inside; Lockgate asks over HTTP, or whether the port is open" in found


def test_nothing_that_looks_secret_is_repeated(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, compose__yaml=SHOP)
    assert "hunter2" not in "".join([*proposal.files.values(), *proposal.notes])


def test_secrets_are_given_to_each_environment(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, compose__yaml=SHOP)
    for environment in read_catalogue(proposal.files["environments.yaml"]).value.environments.values():
        kept = SecretSource(SecretStore.FILE, str(tmp_path / "keys" / "signing.pem"))
        assert environment.secrets == {"signing": kept}


def test_a_built_service_has_what_its_dockerfile_says(tmp_path: Path) -> None:
    (tmp_path / "api").mkdir()
    (tmp_path / "api" / "Dockerfile").write_text(
        "FROM x\nEXPOSE 3000\nHEALTHCHECK CMD wget -q http://localhost:3000/up\n"
    )
    api = component(tmp_path, "{build: ./api, image: acme/api}")
    assert (api.container.port, api.health.path) == (3000, "/up")
    assert str(api.artifact) == "oci:registry.example.org/acme/api:latest"


@pytest.mark.parametrize(
    ("service", "port"),
    [
        ("{image: x, ports: [80]}", 80),
        ("{image: x, ports: ['8080:80/tcp']}", 80),
        ("{image: x, ports: ['${PORT:-9000}:${PORT:-9000}']}", 9000),
        ("{image: x, ports: ['0.0.0.0:8080:80', '8443:443']}", 80),
        ("{image: x, expose: ['3000']}", 3000),
        ("{image: x, ports: ['3000-3005:3000-3005']}", None),
        ("{image: x, ports: ['6379:6379']}", None),
    ],
)  # fmt: skip
def test_the_port_inside_is_what_counts(tmp_path: Path, service: str, port: int | None) -> None:
    assert component(tmp_path, service).container.port == port


@pytest.mark.parametrize(
    ("fields", "capabilities"),
    [
        ("cap_drop: [all]", ()),
        ("cap_drop: [ALL], cap_add: [CAP_NET_ADMIN, CHOWN]", ("NET_ADMIN", "CHOWN")),
        ("cap_drop: [CHOWN, DAC_OVERRIDE, FSETID, FOWNER, SETGID, SETUID, SETFCAP, SETPCAP, KILL]",
         ("NET_BIND_SERVICE", "SYS_CHROOT")),
        ("read_only: false", None),
    ],
)  # fmt: skip
def test_capabilities_are_those_that_are_left(
    tmp_path: Path, fields: str, capabilities: tuple[str, ...] | None
) -> None:
    assert component(tmp_path, f"{{image: x, {fields}}}").container.capabilities == capabilities


def test_an_image_whose_tag_nobody_knows_is_to_be_filled_in(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, compose__yml="services: {web: {image: 'acme/web:${TAG}'}}\n")
    assert str(application(proposal).components["web"].artifact) == "oci:registry.example.org/web:1"
    assert (
        "TO BE FILLED IN: the image is acme/web:${TAG}, and nothing says what TAG is."
        in proposal.files["lockgate.yaml"]
    )


def test_compose_comes_before_a_dockerfile_and_that_before_a_package(tmp_path: Path) -> None:
    package = '[project]\nname = "shop"\ndependencies = ["flask"]\n'
    assert proposed(tmp_path, pyproject__toml=package).kind == "Flask"
    proposal = proposed(tmp_path, Dockerfile="FROM python\nEXPOSE 80\n")
    assert proposal.kind == "Dockerfile"
    assert "# pyproject.toml asks for flask. It was passed over." in proposal.files["lockgate.yaml"]
    assert proposed(tmp_path, compose__yaml="services: {web: {image: x}}\n").kind == "compose"


@pytest.mark.parametrize("text", ["services: []\n", "services: {web: 1}\n", "a: !reset b\n", "{{{", "[" * 999, ": :"])
def test_a_compose_file_that_is_none_is_passed_over(tmp_path: Path, text: str) -> None:
    assert proposed(tmp_path, compose__yaml=text).kind == "new page"


def test_what_lockgate_would_not_read_is_left(tmp_path: Path) -> None:
    services = (
        "services:\n  a: {image: x, depends_on: [b], command: 'x=1 y'}\n  b: {image: y, user: 'a b', command: z}\n"
    )
    proposal = proposed(tmp_path, compose__yaml=services)
    assert application(proposal).components["b"].run == ("z",)
    assert len(said(proposal)) == 2


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NODES = st.recursive(
    TEXTS | st.integers() | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["image", "build", "command", "entrypoint", "environment", "ports", "expose", "volumes", "healthcheck", "deploy",
     "depends_on", "secrets", "user", "tmpfs", "cap_add", "cap_drop", "mem_limit", "stop_signal", "x-y", "networks"]
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(TEXTS, st.dictionaries(FIELDS, NODES, max_size=6), min_size=1, max_size=3))
def test_whatever_services_say_what_is_proposed_is_read(services: dict[str, dict[str, object]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "compose.yaml").write_text(json.dumps({"services": services}))
        proposal = detect(Path(folder))
        read = read_application(proposal.files["lockgate.yaml"])
        assert check_together(read, read_catalogue(proposal.files["environments.yaml"])) == ()


@pytest.mark.parametrize(
    ("written", "length"),
    [("30s", 30.0), ("1m30s", 90.0), ("500ms", 0.5), ("1h", 3600.0), ("", None), ("soon", None), ("5 s", None)],
)
def test_times_of_compose_are_read(written: str, length: float | None) -> None:
    assert seconds(written) == length


def test_a_merge_takes_the_first_of_several(tmp_path: Path) -> None:
    text = "services:\n  web: {<<: [{image: a}, {image: b, user: u}]}\n"
    found = read_compose(tmp_path, "compose.yaml", text)
    assert found is not None
    assert (found.parts[0].artifact, found.parts[0].fields["container"]) == ("a:latest", {"user": "u"})


# --- Dockerfile ---

DOCKERFILES = {
    "python": (
        """
        FROM python:3.12-slim
        WORKDIR /app
        COPY . .
        RUN pip install --no-cache-dir -r requirements.txt
        EXPOSE 8000
        USER nobody
        HEALTHCHECK --interval=30s CMD curl --fail http://localhost:8000/health || exit 1
        CMD ["uvicorn", "app:app", "--host", "0.0.0.0"]
        """,
        Image(8000, "/health", True, "nobody", "uvicorn app:app --host 0.0.0.0"),
    ),
    "stages": (
        """
        # syntax=docker/dockerfile:1
        FROM node:22 AS build
        EXPOSE 9999
        USER root
        RUN npm ci && \\
            npm run build
        FROM nginx:alpine
        ARG PORT=8080
        EXPOSE ${PORT}/tcp
        ENTRYPOINT ["/docker-entrypoint.sh"]
        HEALTHCHECK CMD ["wget", "--spider", "http://127.0.0.1:8080"]
        """,
        Image(8080, "/", True, "", "", "/docker-entrypoint.sh"),
    ),
    "a database": (
        "FROM debian\nEXPOSE 53/udp\nHEALTHCHECK CMD pg_isready\nCMD serve\n",
        Image(None, "", True, "", "serve"),
    ),
    "no health": ("from scratch\nHEALTHCHECK NONE\nENV A=1\n", Image()),
}


@pytest.mark.parametrize("name", DOCKERFILES)
def test_a_dockerfile_tells_of_its_last_stage(name: str) -> None:
    text, image = DOCKERFILES[name]
    assert replace(read_dockerfile(textwrap.dedent(text)), known={}) == image


def test_a_dockerfile_becomes_one_component(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, Dockerfile=DOCKERFILES["python"][0])
    (web,) = application(proposal).components.values()
    assert (web.container, web.health.path, web.replicas) == (Container(port=8000), "/health", 2)
    assert web.run == ()
    text = proposal.files["lockgate.yaml"]
    assert "EXPOSE 8000; HEALTHCHECK /health; USER nobody; CMD uvicorn app:app" in text
    assert "# TO BE FILLED IN: build the image" in text


def test_a_dockerfile_without_a_port_is_told_one(tmp_path: Path) -> None:
    proposal = proposed(tmp_path, Dockerfile="FROM x\nCMD serve\n")
    (web,) = application(proposal).components.values()
    assert web.env == {"PORT": "{port}"}
    assert web.takes_traffic
    assert any("exposes no port" in note for note in proposal.notes)


@given(st.text(max_size=80))
def test_any_dockerfile_is_read(text: str) -> None:
    read_dockerfile("FROM x\n" + text)
