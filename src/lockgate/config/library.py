"""Library: where templates are found. Those that are shipped, those of the operators, those of the application's team.

One name and version means one text: where two shelves disagree, neither counts.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lockgate.config.document import load_text
from lockgate.config.form import At, listing, nearest
from lockgate.config.scalars import written
from lockgate.config.template_file import Template, read_template
from lockgate.core.errors import Invalid, Problem
from lockgate.core.ids import short

FOLDER = "templates"
"""Beside ``environments.yaml``, and beside ``lockgate.yaml``."""

_REFERENCE = re.compile(r"(?P<name>[a-z0-9-]+)@(?P<version>[0-9]{1,4})(?:@sha256:(?P<digest>[0-9a-f]{12,64}))?")


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder with templates, whose they are, and how its files are called in messages."""

    whose: str
    folder: Path
    shown: str = ""
    """Instead of the folder."""

    def files(self, name: str = "*") -> list[Path]:
        return sorted((*self.folder.glob(f"{name}.yaml"), *self.folder.glob(f"{name}@*.yaml")))

    def read(self, file: Path) -> Template:
        """Raises :class:`Invalid`."""
        where = f"{self.shown or self.folder}/{file.name}"
        found = read_template(load_text(file, where), where)
        if file.stem not in (found.name, found.label):
            mend = f"Name the file {found.name}.yaml or {found.label}.yaml."
            raise Invalid([Problem(where, 1, "template", f"the template is {found.label}, its file is not.", mend)])
        return found


SHIPPED = Shelf("Lockgate", Path(__file__).parent / FOLDER, "lockgate:templates")


@dataclass(frozen=True, slots=True)
class Library:
    """All shelves."""

    shelves: tuple[Shelf, ...] = (SHIPPED,)

    def names(self) -> list[str]:
        return sorted({file.stem.partition("@")[0] for shelf in self.shelves for file in shelf.files()})

    def get(self, at: At) -> Template:
        """The template that ``NAME@VERSION`` or ``NAME@VERSION@sha256:DIGEST`` names. Raises :class:`Invalid`."""
        text = written(at, "a template such as python-web@1").text
        asked = _REFERENCE.fullmatch(text)
        if asked is None:
            raise at.refused(f"{text!r} names no template.", "Write NAME@VERSION, such as python-web@1.")
        versions = [found for _, found in self.versions(asked["name"])]
        chosen = [found for found in versions if found.version == int(asked["version"])]
        if not chosen:
            raise self._unknown(at, asked["name"], versions)
        self._demand_one(at, chosen)
        if asked["digest"] and not chosen[0].digest.removeprefix("sha256:").startswith(asked["digest"]):
            because = f"{chosen[0].label} is not what was meant: {chosen[0].where} is {chosen[0].digest}."
            raise at.refused(because, "See what has changed in it, then write its new digest.")
        return chosen[0]

    def versions(self, name: str) -> Iterator[tuple[Shelf, Template]]:
        """Every version of it on every shelf. Raises :class:`Invalid` for a file that cannot be read."""
        for shelf in self.shelves:
            for file in shelf.files(name):
                yield shelf, shelf.read(file)

    def all(self) -> Iterator[tuple[Shelf, Path]]:
        """Every file."""
        return ((shelf, file) for shelf in self.shelves for file in shelf.files())

    def _demand_one(self, at: At, chosen: list[Template]) -> None:
        if len({found.digest for found in chosen}) > 1:
            places = " and ".join(f"{found.where} ({short(found.digest)})" for found in chosen)
            because = f"there are two templates {chosen[0].label}, and they differ: {places}."
            raise at.refused(because, "Give one of them another name or version.")

    def _unknown(self, at: At, name: str, versions: list[Template]) -> Invalid:
        if versions:
            there = listing(str(found.version) for found in versions)
            return at.refused(f"the template {name} has no such version; there are: {there}.", "Write one of these.")
        names = self.names()
        mend = nearest(name, names) or f"Those there are: {listing(names) or 'none'}. See: lockgate template list"
        return at.refused(f"there is no template {name!r}.", mend)


def library(*folders: tuple[str, Path]) -> Library:
    """What is shipped, and ``templates`` in each of the folders, as far as there are any: (whose, folder)."""
    shelves = {SHIPPED.folder: SHIPPED}
    for whose, folder in folders:
        place = (folder / FOLDER).resolve()
        shelves.setdefault(place, Shelf(whose, place))
    return Library(tuple(shelves.values()))
