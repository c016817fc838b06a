"""Inheritance: what an environment does not say itself, its tier says, or the organisation.

The levels are merged on the document, before any form reads it, so that a field inherits without knowing of it. What
was written keeps its line, and each field gets an :class:`Origin`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from lockgate.config.document import Node, Scalar, Sequence, Table, join
from lockgate.core.origin import Origin

ORGANISATION, TIERS, TIER, ENVIRONMENTS = "organisation", "tiers", "tier", "environments"

KEYED = frozenset({"values", "secrets", "replicas", "endpoints"})
"""Tables of names that are merged name by name. Of any other table the nearest level's counts as a whole."""

ADDED_UP = frozenset({"windows", "policies", "notify"})
"""Lists that add up: a lower level cannot take away what a higher one demands."""

OWN = frozenset({"after", TIER, "listen", "cells", "rollout"})
"""Fields that an environment can only say itself."""

LONGEST = 80
"""Characters of a text that an origin repeats."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What one level says of an environment."""

    name: str
    where: str
    table: Table

    def origin(self, node: Node, line: int, overridden: tuple[Origin, ...] = ()) -> Origin:
        return Origin(self.name, self.where, line, shown(node), overridden)


@dataclass(frozen=True, slots=True)
class Inherited:
    """The document with every environment complete, and where each field of each environment is from."""

    root: Table
    origins: Mapping[str, Mapping[str, Origin]]


def inherited(root: Table, where: str) -> Inherited:
    """What is no table where one belongs is left as it is, for its form to complain of."""
    environments = root.entries.get(ENVIRONMENTS)
    if not isinstance(environments, Table):
        return Inherited(root, {})
    entries, origins = dict(environments.entries), {}
    for name, node in environments.entries.items():
        if isinstance(node, Table):
            layers = _layers(root, node, name, where)
            entries[name], origins[name] = _merged(layers)
    whole = Table(entries, environments.line, environments.key_lines, environments.size)
    return Inherited(Table({**root.entries, ENVIRONMENTS: whole}, root.line, root.key_lines, root.size), origins)


def shown(node: Node) -> str:
    """On one line, as YAML would have it between braces."""
    text = _flow(node)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _flow(node: Node) -> str:
    if isinstance(node, Table):
        return "{" + ", ".join(f"{name}: {_flow(child)}" for name, child in node.entries.items()) + "}"
    if isinstance(node, Sequence):
        return "[" + ", ".join(_flow(child) for child in node.items) + "]"
    return " ".join(node.text.split()) or "empty"


def _layers(root: Table, environment: Table, name: str, where: str) -> tuple[Layer, ...]:
    """The nearest first."""
    found = [Layer(f"environment {name}", where, environment)]
    tier, tiers = environment.entries.get(TIER), root.entries.get(TIERS)
    if isinstance(tier, Scalar) and isinstance(tiers, Table) and isinstance(tiers.entries.get(tier.text), Table):
        found.append(Layer(f"tier {tier.text}", where, _inheritable(tiers.entries[tier.text])))
    if isinstance(root.entries.get(ORGANISATION), Table):
        found.append(Layer(ORGANISATION, where, _inheritable(root.entries[ORGANISATION])))
    return tuple(found)


def _inheritable(node: Node) -> Table:
    assert isinstance(node, Table)
    kept = {name: child for name, child in node.entries.items() if name not in OWN}
    return Table(kept, node.line, node.key_lines, node.size)


def _merged(layers: tuple[Layer, ...]) -> tuple[Table, dict[str, Origin]]:
    entries: dict[str, Node] = {}
    lines: dict[str, int] = {}
    origins: dict[str, Origin] = {}
    for name in dict.fromkeys(name for layer in layers for name in layer.table.entries):
        given = [layer for layer in layers if name in layer.table.entries]
        entries[name], found = _field(name, given)
        lines[name] = given[0].table.key_lines[name]
        origins |= found
    own = layers[0].table
    return Table(entries, own.line, lines, own.size), origins


def _field(name: str, given: list[Layer]) -> tuple[Node, dict[str, Origin]]:
    nodes = [layer.table.entries[name] for layer in given]
    if name in KEYED and all(isinstance(node, Table) for node in nodes):
        return _keyed(name, given)
    if name in ADDED_UP:
        return _added_up(name, given)
    if name == "cells":
        return nodes[0], dict(_of_cells(nodes[0], given[0]))
    return nodes[0], {name: _origin(name, given)}


def _origin(name: str, given: list[Layer]) -> Origin:
    """Of the nearest, with the others that say something of it."""
    of = [layer.origin(layer.table.entries[name], layer.table.key_lines[name]) for layer in given]
    return Origin(of[0].level, of[0].file, of[0].line, of[0].text, tuple(of[1:]))


def _keyed(name: str, given: list[Layer]) -> tuple[Node, dict[str, Origin]]:
    inner = [Layer(layer.name, layer.where, _table(layer.table.entries[name])) for layer in given]
    entries: dict[str, Node] = {}
    lines: dict[str, int] = {}
    origins: dict[str, Origin] = {}
    for key in dict.fromkeys(key for layer in inner for key in layer.table.entries):
        saying = [layer for layer in inner if key in layer.table.entries]
        entries[key], lines[key] = saying[0].table.entries[key], saying[0].table.key_lines[key]
        origins[join(name, key)] = _origin(key, saying)
    own = inner[0].table
    return Table(entries, own.line, lines, own.size), origins or {name: _origin(name, given)}


def _table(node: Node) -> Table:
    assert isinstance(node, Table)
    return node


def _added_up(name: str, given: list[Layer]) -> tuple[Node, dict[str, Origin]]:
    """The organisation's first. A single entry counts as a list of one."""
    own = given[0].table.entries[name]
    if len(given) == 1 and not isinstance(own, Sequence):
        return own, {name: _origin(name, given)}
    items: list[Node] = []
    origins: dict[str, Origin] = {}
    for layer in reversed(given):
        node = layer.table.entries[name]
        for item in node.items if isinstance(node, Sequence) else (node,):
            origins[f"{name}[{len(items)}]"] = layer.origin(item, item.line)
            items.append(item)
    return Sequence(tuple(items), own.line, sum(item.size for item in items)), origins or {name: _origin(name, given)}


def _of_cells(cells: Node, layer: Layer) -> Iterator[tuple[str, Origin]]:
    """Each value of a cell by itself; of other fields, the whole."""
    if not isinstance(cells, Table):
        yield "cells", layer.origin(cells, cells.line)
        return
    for name, cell in cells.entries.items():
        inside = Layer(f"cell {name} of {layer.name}", layer.where, cell if isinstance(cell, Table) else cells)
        for field, node in inside.table.entries.items() if isinstance(cell, Table) else ():
            path, line = f"cells.{name}.{field}", inside.table.key_lines[field]
            if field in KEYED and isinstance(node, Table):
                yield from ((join(path, k), inside.origin(n, node.key_lines[k])) for k, n in node.entries.items())
            else:
                yield path, inside.origin(node, line)
