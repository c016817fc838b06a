"""A small application with its release and an environment, to vary."""

from lockgate.core.application import Application, CommandCheck, Component, HttpCheck
from lockgate.core.artifact import Artifact, ArtifactKind, Reference
from lockgate.core.environment import Environment, Listen
from lockgate.core.ids import digest_of
from lockgate.core.release import Release, freeze


def artifact(name: str = "datasette", version: str = "0.65.2", *, content: str = "") -> Artifact:
    """Its digest stands for ``content``, or for name and version."""
    digest = digest_of(content or f"{name} {version}")
    return Artifact(ArtifactKind.PYPI, name, version, digest, f"pypi:{name}=={version}")


WEB = Component(
    "web",
    Reference(ArtifactKind.PYPI, "datasette==0.65.2"),
    (
        "datasette",
        "data.db",
        "--host",
        "{host}",
        "--port",
        "{port}",
        "--setting",
        "sql_time_limit_ms",
        "{values.limit}",
    ),
    files={"data.db": Reference(ArtifactKind.FILE, "./data.db")},
    env={"GREETING": "hello {values.name}"},
    replicas=2,
)

CATALOGUE = Application(
    "catalogue",
    {"web": WEB},
    verify=(HttpCheck("/items.json"), CommandCheck(("smoke", "{values.name}"))),
    values={"name": "nobody", "limit": "1000"},
)

PROD = Environment("prod", listen={"*": Listen("127.0.0.1", 8080)}, values={"name": "prod"})


def release(
    application: Application = CATALOGUE, *, by: str = "ada", at: float = 1.0, **artifacts: Artifact
) -> Release:
    """Every component runs the usual artifact unless one is given."""
    found = {name: artifacts.get(name, artifact()) for name in application.components}
    files = {
        name: {file: artifact("data.db", "") for file in component.files}
        for name, component in application.components.items()
    }
    return freeze(application, found, files, at=at, by=by)
