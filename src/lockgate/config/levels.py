"""What several environments have in common: the forms of the organisation and of tiers, made from the environment's."""

from collections.abc import Iterable, Iterator
from typing import Any

from lockgate.config.form import Field, Form, Named, Read, Several, listing, nearest
from lockgate.config.inheritance import OWN, TIERS
from lockgate.config.scalars import NAME, Text
from lockgate.core.environment import Catalogue, Level
from lockgate.core.errors import Problem

URL = Text("an address such as https://shop.example.org/", r"https?://[^\s/?#@]+(?:[/?#]\S*)?", "Write http or https.")

ABOUT_IT = (
    Field("tier", NAME, "The tier whose fields count here where the environment does not say otherwise."),
    Field("users", Several("names", Text("a name", empty=False)), "Who uses it, for people."),
    Field("endpoints", Named("an address", NAME, URL), "Where it can be looked at, for people: name -> http or https."),
    Field("capabilities", Several("words", NAME), "What components can ask for by `needs`: gpu, internet, ..."),
)
"""Fields of an environment."""

_OWN_HINT = "It is each environment's own: write it there."


def level_form(what: str, environment: "Form[Any]") -> Form[Level]:
    """Every field that an environment can inherit, whoever has added it."""
    return Form(
        what,
        _level,
        tuple(field for field in environment.fields if field.name not in OWN),
        named="name",
        hints={**environment.hints, **dict.fromkeys(OWN, _OWN_HINT)},
        later=environment.later,
    )


def _level(name: str, **given: object) -> Level:
    return Level(name, tuple(given))


def tier_faults(read: Read[Catalogue]) -> Iterator[Problem]:
    """Environments of a tier that is not there."""
    tiers = [path.removeprefix(f"{TIERS}.") for path in read.lines if path.count(".") == 1 and path.startswith(TIERS)]
    for environment in read.value.environments.values():
        if environment.tier and environment.tier not in tiers:
            because = f"there is no tier {environment.tier!r}; there are: {listing(tiers) or 'none'}."
            mend = nearest(environment.tier, tiers) or "Remove it, or write that tier under `tiers`."
            yield read.problem(f"environments.{environment.name}.tier", because, mend)


def without_echoes(problems: Iterable[Problem]) -> list[Problem]:
    """A fault that environments have inherited is told once, where it is written."""
    problems = list(problems)
    above = {problem.line for problem in problems if not problem.field.startswith("environments")}
    return [p for p in problems if p.line not in above or not p.field.startswith("environments.")]
