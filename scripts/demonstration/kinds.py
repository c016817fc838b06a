"""What the demo's applications are made of: packages from the index, run as processes."""

from typing import Protocol

from lockgate.testing.installation import Installation


class Kind(Protocol):
    """Of artifacts, and of the target that runs them."""

    @property
    def name(self) -> str:
        """Of the target."""

    @property
    def where(self) -> str:
        """Where they come from, in the story."""

    @property
    def target(self) -> str:
        """In environments.yaml."""

    def artifact(self, package: str, version: str) -> str:
        """A reference to one version."""

    def run(self, program: str, arguments: str) -> str:
        """Lines of a component that run ``program`` with these arguments."""

    def living(self, installation: Installation) -> int:
        """Instances that still run and that are no processes of ours."""

    def clear(self, installation: Installation) -> None:
        """Ends what an earlier demo has left running in the installation's folder."""


class Packages:
    """Python packages, each in an environment of its own; processes of this machine."""

    name = "process"
    where = "the package index"
    target = "process"

    def artifact(self, package: str, version: str) -> str:
        return f"pypi:{package}=={version}"

    def run(self, program: str, arguments: str) -> str:
        return f"    run: env HOST={{host}} PORT={{port}} {program} {arguments}"

    def living(self, installation: Installation) -> int:
        return 0

    def clear(self, installation: Installation) -> None:
        installation.close()
