"""Surveyor: what an environment is, who says so, and how it differs from another or from what it was. Reads only."""

import difflib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace

from lockgate.core import comparison, opening_hours, origin
from lockgate.core.comparison import Difference, Snapshot, Unknown, flow
from lockgate.core.environment import Catalogue, Environment
from lockgate.core.errors import Invalid, NotFound, Problem
from lockgate.core.ids import ReleaseId
from lockgate.core.origin import Origin
from lockgate.core.rulebook import WRITTEN_AS, Written, written
from lockgate.engine.moment import moment
from lockgate.engine.snapshots import Snapshots, both, of_release
from lockgate.messages.environments import (
    ComparisonView,
    DifferenceView,
    EnvironmentDetail,
    HolderView,
    KeptView,
    OriginView,
    WhyView,
)
from lockgate.ports import Clock, Store

SHORTHAND = ("values", "secrets", "replicas", "endpoints", "listen")
"""Tables whose names may be asked for alone: ``time_limit`` for ``values.time_limit``."""

OWN_FIELDS = frozenset(field.name for field in fields(Environment)) - {"name", "origins", "rules"}


@dataclass(frozen=True, slots=True)
class Surveyor:
    store: Store
    clock: Clock
    catalogue: Callable[[], Catalogue]
    snapshots: Snapshots

    def show(self, name: str) -> EnvironmentDetail:
        """Raises NotFound, and Invalid while the environments cannot be read."""
        catalogue = self.catalogue()
        environment = catalogue.get(name)
        stated = self.snapshots.stated(environment)
        return EnvironmentDetail(
            name=environment.name,
            tier=environment.tier,
            owner=environment.owner,
            purpose=environment.purpose,
            users=environment.users,
            endpoints=dict(environment.endpoints),
            after=environment.after,
            before=tuple(one.name for one in catalogue.following(name)),
            promote=environment.promote.value,
            capabilities=environment.capabilities,
            stated=None if isinstance(stated, Unknown) else tuple(sorted(stated)),
            listen={application: str(address) for application, address in environment.listen.items()},
            values=dict(environment.values),
            secrets={secret: self._kept(environment, secret) for secret in environment.secrets},
            cells={cell.name: {one: str(at) for one, at in cell.listen.items()} for cell in environment.in_rollout()},
            fields={path: origin_view(found) for path, found in environment.origins.items()},
            runs=self._runs(name),
        )

    def why(self, name: str, field: str) -> WhyView:
        """Who says what of a field. Raises NotFound for one that there is not."""
        environment = self.catalogue().get(name)
        said, defaults = written(environment), self._defaults(name)
        found = dict(_meant(field, environment))
        if found:
            spelt = {path: _in_words(path, one, environment) for path, one in found.items()}
            sentences = [origin.told(path, one, defaults.get(path, ())) for path, one in spelt.items()]
            return WhyView(name, tuple(sentences), {path: origin_view(one) for path, one in found.items()})
        return WhyView(name, (_unsaid(field, environment, said, defaults),))

    def compare(self, left: str, right: str) -> ComparisonView:
        """Two environments, two moments of one, or two releases. Raises NotFound, Invalid."""
        now = self.clock.now()
        sides = self._releases(left, right) if _is_release(left) or _is_release(right) else self._places(left, right)
        found = comparison.compare(*sides)
        sentences = (comparison.summary(*sides, found), *(one.sentence for one in found))
        told = tuple(_difference_view(one) for one in found)
        return ComparisonView(now, sides[0].name, sides[1].name, not found, sentences, told)

    def _places(self, left: str, right: str) -> tuple[Snapshot, Snapshot]:
        now = self.clock.now()
        one, other = moment(left, now, "left"), moment(right, now, "right")
        drivers = one.at is None and other.at is None
        return both(*(self.snapshots.facts(side, now, drivers=drivers) for side in (one, other)))

    def _releases(self, left: str, right: str) -> tuple[Snapshot, Snapshot]:
        for field, text in (("left", left), ("right", right)):
            if not _is_release(text):
                because = f"{text} is no release, and the other side is one."
                raise Invalid([Problem("request", None, field, because, "Compare two releases, or two environments.")])
        return of_release(self.store.releases.get(ReleaseId(left))), of_release(
            self.store.releases.get(ReleaseId(right))
        )

    def _kept(self, environment: Environment, secret: str) -> KeptView:
        source = written(environment)[f"secrets.{secret}"]
        return KeptView(str(source), self.snapshots.fingerprint(environment.name, secret))

    def _runs(self, environment: str) -> tuple[HolderView, ...]:
        return tuple(
            HolderView(row.application, row.release, row.release_label, row.id, row.ended_at)
            for row in sorted(self.store.landscape.holders(environment), key=lambda row: row.application)
        )

    def _defaults(self, environment: str) -> Mapping[str, tuple[str, ...]]:
        """Path of a value -> what the applications that run there give by default."""
        found: dict[str, tuple[str, ...]] = {}
        for row in self.store.landscape.holders(environment):
            application = self.store.releases.get(row.release).application
            for name, value in application.values.items():
                told = f"the default of {application.name} is {value}"
                found[f"values.{name}"] = (*found.get(f"values.{name}", ()), told)
        return found


def _is_release(text: str) -> bool:
    return text.startswith("rel-")


def _meant(field: str, environment: Environment) -> Mapping[str, Origin]:
    """The field itself, or one of that name in any table; in its cells as well."""
    for path in (field, *(f"{table}.{field}" for table in SHORTHAND)):
        found = origin.below(path, environment.origins)
        if found and (path == field or path in environment.origins):
            cells = {name: one for name, one in environment.origins.items() if _in_a_cell(name, path)}
            return {**found, **cells}
    return {}


def _in_words(path: str, found: Origin, environment: Environment) -> Origin:
    """A window is told as people say it; what it is written as stays in the view."""
    place = re.fullmatch(r"windows(?:\[(\d+)\])?", path)
    if place is None:
        return found
    rules = environment.windows if place[1] is None else environment.windows[int(place[1]) :][:1]
    return replace(found, text="; ".join(words for rule in rules for words in opening_hours.told(rule)) or found.text)


def _in_a_cell(name: str, path: str) -> bool:
    return name.startswith("cells.") and name.endswith(f".{path}") and name.count(".") == path.count(".") + 2


def _unsaid(field: str, environment: Environment, said: Written, defaults: Mapping[str, tuple[str, ...]]) -> str:
    """Of what nobody says anything: an application's default, or Lockgate's. Raises NotFound for what is nothing."""
    for path in (field, f"values.{field}"):
        if path in defaults:
            return f"No level says anything of {path} in {environment.name}; {', '.join(defaults[path])}."
    known = {WRITTEN_AS.get(name, name) for name in OWN_FIELDS}
    top, _, rest = field.partition(".")
    if top not in known or (rest and top in SHORTHAND):
        near = difflib.get_close_matches(field, [*known, *environment.origins], n=1)
        mend = f"Did you mean {near[0]}?" if near else f"Its fields are: {', '.join(sorted(known))}."
        raise NotFound(f"{environment.name} has no {field!r}, and nothing above it says so.", mend)
    found = {path: flow(value) for path, value in said.items() if path == top or path.startswith(f"{top}.")}
    value = ", ".join(text if path == top else f"{path} {text}" for path, text in found.items())
    if not value:
        return f"{environment.name} has no {top}: no level says anything of it."
    return f"{top} is {value}: no level says anything of it, so it is Lockgate's default."


def origin_view(found: Origin) -> OriginView:
    others = tuple(origin_view(one) for one in found.overridden)
    return OriginView(found.level, found.file, found.line, found.text, others)


def _difference_view(one: Difference) -> DifferenceView:
    return DifferenceView(one.kind.value, one.subject, one.left, one.right, one.sentence, one.known)
