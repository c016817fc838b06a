"""A rig with several applications: ``api``, ``web`` that may require it, and whatever else is asked for."""

from dataclasses import replace

from lockgate.core.environment import Catalogue, Environment, Listen
from lockgate.core.ids import ReleaseId
from lockgate.engine.train_desk import TrainDesk
from lockgate.messages import CreateRelease, Deploy
from lockgate.messages.trains import CreateTrain, StartTrain, StepDraft, TrainView
from lockgate.ports import Selection, Store
from lockgate.testing.rig import Rig, one_component


def one_place() -> Catalogue:
    """Only dev, where everything goes."""
    return Catalogue(
        {"dev": Environment("dev", listen={"*": Listen("127.0.0.1", 8081)})},
        groups={"operators": ("alice", "bob")},
    )


class Convoy(Rig):
    def __init__(self, store: Store) -> None:
        super().__init__(store, one_place())
        for name in ("alice", "bob", "carol"):
            self.person(name)

    def made(self, name: str, version: str, **requires: str) -> str:
        """A release of the application; returns its id."""
        self.application = replace(one_component(), name=name, requires=requires)
        request = CreateRelease("-", "lockgate.yaml", "/", {"": f"pypi:{name}=={version}"}, actor="ann")
        return self.operations.create_release(request)[0].id

    def put(self, name: str, version: str, **requires: str) -> str:
        """Deployed, and at rest."""
        release = self.made(name, version, **requires)
        row = self.operations.deploy(Deploy(name, "dev", release, actor="ann"))
        self.run(20)
        return row.id

    def desk(self, who: str = "alice") -> TrainDesk:
        return self.person(who).trains

    def train(self, *steps: StepDraft, name: str = "friday", on_failure: str = "stop", who: str = "alice") -> TrainView:
        self.desk(who).create(CreateTrain(name, "dev", steps, on_failure))
        return self.desk(who).start(name, StartTrain())

    def show(self, name: str = "friday") -> TrainView:
        return self.desk().show(name)

    def states(self, name: str = "friday") -> dict[str, str]:
        return {step.name: step.state for step in self.show(name).steps}

    def version(self, application: str) -> str:
        """What holds dev."""
        row = self.store.history.holder(application, "dev")
        return self.store.releases.get(row.release).version if row else ""

    def count(self, application: str) -> int:
        """Deployments there have been."""
        return len(self.store.history.select(Selection(application, "dev", limit=500)))

    def breaks(self, release: str) -> None:
        """Instances of that release do not come up."""
        found = self.store.releases.get(ReleaseId(release))
        (part,) = self.promoter.plan(found, self.catalogue.environments["dev"]).components
        self.target.broken[part.revision] = "It does not start."


def ride(application: str, version: str = "latest", *after: str) -> StepDraft:
    return StepDraft("deploy", application=application, release=version, after=after)


def chore(name: str, *items: str, assignee: str = "operators", after: tuple[str, ...] = ()) -> StepDraft:
    return StepDraft("task", name, after, assignee=assignee, text=f"Do {name}.", checklist=items)
