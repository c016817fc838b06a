"""A governed rig: prod takes what succeeded in staging, and two release managers must agree."""

from dataclasses import replace

from lockgate.core.approval import ApprovalRule, BreakGlass
from lockgate.core.environment import Catalogue, Environment, Listen
from lockgate.core.secret import SecretSource, SecretStore
from lockgate.engine.operations import Operations
from lockgate.messages import Deploy, DeploymentView
from lockgate.ports import Policies, Store
from lockgate.testing.rig import Rig

KEPT = {"api_key": SecretSource(SecretStore.FILE, "/etc/api_key.v1")}

MANAGERS = ("alice", "bob", "carol")


def governed() -> Catalogue:
    """dev, then prod: on approval, by two of the managers; who wrote it or asked for it does not count."""
    return Catalogue(
        {
            "dev": Environment("dev", listen={"*": Listen("127.0.0.1", 8081)}, secrets=KEPT),
            "prod": Environment(
                "prod",
                after="dev",
                listen={"*": Listen("127.0.0.1", 8083)},
                approvals=ApprovalRule(("managers",), count=2),
                break_glass=BreakGlass(("on-call",)),
                values={"limit": "20"},
                secrets=KEPT,
            ),
        },
        groups={"managers": MANAGERS, "on-call": ("dave", "alice")},
    )


class GovernedRig(Rig):
    """Everybody is known; ``dave`` asks."""

    def __init__(self, store: Store, policies: Policies | None = None, **rule: object) -> None:
        super().__init__(store, governed(), policies=policies)
        self.vault.texts.update({f"/etc/api_key.v{n}": f"key {n}" for n in (1, 2)})
        if rule:
            self.rewrite(approvals=replace(self.prod.approvals, **rule))  # type: ignore[type-var]
        for name in (*MANAGERS, "dave", "erin"):
            self.person(name, f"{name}@example.com")

    @property
    def prod(self) -> Environment:
        return self.catalogue.environments["prod"]

    def rewrite(self, **changes: object) -> None:
        """Somebody edits prod in environments.yaml."""
        changed = replace(self.prod, **changes)  # type: ignore[arg-type]
        self.catalogue = replace(self.catalogue, environments={**self.catalogue.environments, "prod": changed})

    def regroup(self, **groups: tuple[str, ...]) -> None:
        """Somebody edits the groups."""
        self.catalogue = replace(self.catalogue, groups={**self.catalogue.groups, **groups})

    def on_prod(
        self, version: str = "2", by: str = "dave", secrets: tuple[str, ...] = (), **more: object
    ) -> DeploymentView:
        """A release that did well in dev, asked for in prod."""
        release = self.release(version, secrets=secrets)
        self.deploy(release)
        self.run(8)
        return self.asked(release, by, **more)

    def asked(self, release: str, by: str = "dave", **more: object) -> DeploymentView:
        asking: Operations = self.person(by)
        return asking.deploy(Deploy("shop", "prod", release, **more))  # type: ignore[arg-type]
