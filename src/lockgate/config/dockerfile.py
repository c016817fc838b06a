"""What a Dockerfile tells of the image it makes: port, health, user and command of its last stage."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

HTTP = re.compile(r"https?://[^/\s:'\"]+(?::(?P<port>\d{1,5}))?(?P<path>/[^\s'\"|;&)\]]*)?")


@dataclass(frozen=True, slots=True)
class Image:
    """Of the stage that is run. Empty or None: the file does not say."""

    port: int | None = None
    health: str = ""
    """Path that its health check asks for."""
    checked: bool = False
    """There is a health check, whatever it asks for."""
    user: str = ""
    command: str = ""
    entrypoint: str = ""
    known: dict[str, str] = field(default_factory=dict)
    """Variables with the values that ENV and ARG give them."""


def read_dockerfile(text: str) -> Image:
    """Of the last stage. Never fails for what is written there."""
    image = Image()
    for word, rest in _instructions(text):
        image = _with(image, word, _substituted(rest, image.known))
    return image


def http_path(command: str) -> str:
    """What a health check by curl or wget asks for: a path; empty when it does something else."""
    found = HTTP.search(command)
    if found is None or not re.search(r"\b(curl|wget|http)\b", command[: found.start()]):
        return ""
    path = found["path"] or "/"
    return path if re.fullmatch(r"/[!\"$-~]*", path) and not set("{}$") & set(path) else ""


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    whole = re.sub(r"(?m)^\s*#.*\n?", "", text)
    for line in re.sub(r"\\[ \t]*\r?\n", " ", whole).splitlines():
        word, _, rest = line.strip().partition(" ")
        yield word.upper(), rest.strip()


def _with(image: Image, word: str, rest: str) -> Image:
    if word == "FROM":
        return Image(known={k: v for k, v in image.known.items() if v})
    if word == "EXPOSE" and image.port is None:
        found = re.match(r"(\d{1,5})(?:/tcp)?(?:\s|$)", rest)
        return replace(image, port=int(found[1]) if found and 0 < int(found[1]) < 65536 else None)
    if word == "HEALTHCHECK":
        return replace(image, health=http_path(_words(rest)), checked=rest.upper() != "NONE")
    if word in ("USER", "CMD", "ENTRYPOINT"):
        name = {"USER": "user", "CMD": "command", "ENTRYPOINT": "entrypoint"}[word]
        return replace(image, **{name: _words(rest)})  # type: ignore[arg-type]  # all of these are texts
    if word in ("ENV", "ARG"):
        return replace(image, known={**image.known, **_variables(rest)})
    return image


def _words(rest: str) -> str:
    """Of the JSON form, the words with spaces in between."""
    found = re.search(r"\[.*\]", rest)
    try:
        words = json.loads(found[0]) if found else None
    except (ValueError, RecursionError):
        return rest
    return " ".join(str(word) for word in words) if isinstance(words, list) else rest


def _variables(rest: str) -> dict[str, str]:
    pairs = re.findall(r"([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S*)", rest)
    if not pairs and len(parts := rest.split(None, 1)) == 2:
        pairs = [(parts[0], parts[1])]
    return {name: value.strip("\"'") for name, value in pairs}


def _substituted(text: str, known: dict[str, str]) -> str:
    def value(found: re.Match[str]) -> str:
        return known.get(found["name"] or found["bare"]) or found["default"] or found[0]

    return re.sub(r"\$(?:\{(?P<name>\w+)(?::?-(?P<default>[^}]*))?\}|(?P<bare>\w+))", value, text)
