"""Who tells the story: chapters, the commands as they are typed, what they print, and the count of requests."""

import shlex
from dataclasses import dataclass, field

from rich.console import Console
from rich.text import Text

MARGIN = 2
"""Columns left free on the left."""

IN_A_FILE = 132
"""Columns where there is no terminal to ask."""

STYLES = {"✔": "green", "✘": "red", "▲": "red", "error:": "red"}


@dataclass
class Teller:
    """Writes to a terminal, or to a file without colours."""

    console: Console = field(default_factory=lambda: _console())
    chapters: int = 0

    @property
    def on_terminal(self) -> bool:
        """Commands may draw their own moving pictures there."""
        return self.console.is_terminal

    def title(self, words: str, below: str) -> None:
        self.console.print()
        self._put(Text(words, "bold"))
        self._put(Text(below, "dim"))

    def chapter(self, title: str) -> None:
        self.chapters += 1
        self.console.print()
        self.console.rule(f"[bold]{self.chapters}  {title}[/bold]", align="left", style="blue")

    def say(self, *sentences: str) -> None:
        """The story itself."""
        self._put(Text(" ".join(sentences)))

    def typed(self, folder: str, *words: str) -> None:
        self.console.print()
        self._put(Text.assemble((f"{folder} $ ".lstrip(), "dim"), (shlex.join(words), "bold cyan")))

    def edited(self, file: str, old: str, new: str) -> None:
        self.console.print()
        self._put(Text(file, "dim"))
        self._put(Text(f"- {old}", "red"))
        self._put(Text(f"+ {new}", "green"))

    def written(self, file: str, text: str) -> None:
        """A new file."""
        self.console.print()
        self._put(Text(file, "dim"))
        self._put(Text(f"+ {text}", "green"))

    def printed(self, line: str) -> None:
        """One line of what a command prints; a sentence too long for the terminal hangs below its beginning."""
        words = line.split()
        indent = len(line) - len(line.lstrip())
        style = STYLES.get(words[0], "") if words else ""
        self._put(Text(line.strip(), style or "dim"), by=MARGIN + 2 + indent, hang=4)

    def told(self, *sentences: str) -> None:
        """The product's own words, with a line beside them."""
        for sentence in sentences:
            for part in Text(sentence).wrap(self.console, self.console.width - MARGIN - 4):
                self._put(Text.assemble(("│ ", "blue"), part), by=MARGIN + 2)

    def traffic(self, requests: int, failed: int) -> None:
        """After each chapter."""
        style = "bold red" if failed else "bold green"
        self.console.print()
        self._put(
            Text.assemble(
                "users of prod: ", (f"{requests:,}", "bold"), " requests so far, ", (f"{failed} failed", style)
            )
        )

    def tick(self, requests: int, failed: int) -> None:
        """A count that stays on its line; nothing where there is no terminal."""
        if self.on_terminal:
            self.console.print(f"  {requests:,} requests so far, {failed} failed", end="\r")

    def verdict(self, good: bool, *sentences: str) -> None:
        for sentence in sentences:
            self._put(Text.assemble(("✔ ", "bold green") if good else ("✘ ", "bold red"), sentence))

    def _put(self, text: Text, by: int = MARGIN, hang: int = 0) -> None:
        for number, line in enumerate(text.wrap(self.console, max(40, self.console.width - by - hang))):
            line.rstrip()
            self.console.print(" " * (by + (hang if number else 0)), line, sep="", soft_wrap=True)


def _console() -> Console:
    """As wide as the terminal; a file is wide enough for tables."""
    seen = Console(highlight=False)
    return seen if seen.is_terminal else Console(highlight=False, width=IN_A_FILE)
