"""What every page of the console is held to."""

import re
from html.parser import HTMLParser

from starlette.testclient import TestClient

HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


class Elements(HTMLParser):
    """What a page is made of."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


def page(client: TestClient, path: str) -> str:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("text/html") and answer.headers["cache-control"] == "no-store"
    return answer.text


def obeys(html: str, path: str) -> None:
    """No inline script, style or handler; nothing from elsewhere; each control named; each page with one heading and
    the command that does the same."""
    elements = Elements(html)
    assert not re.search(r"<[^>]+\s(on\w+|style)=", html), path
    for tag, attributes in elements.found:
        source = attributes.get("src") or (attributes.get("href") if tag == "link" else None)
        assert source is None or source.startswith(("/static/", "data:image/svg+xml,")), (path, source)
    assert [s.get("src") for s in elements.of("script")] and len(elements.of("h1")) == 1
    named = {label["for"] for label in elements.of("label")}
    assert {i["id"] for i in elements.of("input") if i.get("type") != "hidden"} <= named
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert len(set(ids)) == len(ids), path
    assert "In a terminal: <code" in html, path
