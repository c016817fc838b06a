"""A yard for trains: a convoy behind the real application, and people who ask it over the API and in browsers."""

from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from lockgate.messages.people import MakeToken
from lockgate.server.app import make_app
from lockgate.server.token import Access
from tests.engine.convoy import Convoy

BASE = "http://127.0.0.1:7070"

STEPS = [
    {"kind": "task", "name": "announce", "assignee": "operators", "text": "Tell them.", "checklist": ["mail"]},
    {"kind": "deploy", "application": "api", "after": ["announce"]},
]
FRIDAY = {"name": "friday", "environment": "dev", "steps": STEPS}


class Yard:
    def __init__(self, convoy: Convoy, home: Path) -> None:
        self.convoy = convoy
        self._access = Access(home)
        self._app = make_app(convoy.operations, self._access)
        self._root = (home / "token").read_text().strip()

    def client(self, name: str = "") -> TestClient:
        return TestClient(self._app, base_url=BASE, headers={"Authorization": f"Bearer {self._token(name)}"})

    def browser(self, name: str = "") -> TestClient:
        """Signed in as that person, or as nobody in particular."""
        client = TestClient(self._app, base_url=BASE, follow_redirects=False)
        client.headers["Sec-Fetch-Site"] = "same-origin"
        if name:
            assert client.post("/login", data={"token": self._token(name)}).status_code == 200
        else:
            client.get("/login", params={"token": self._access.mint_ticket()})
        return client

    def _token(self, name: str) -> str:
        return self.convoy.person(name).people.token(name, MakeToken()).token if name else self._root

    def says(self, who: str, path: str, body: dict[str, Any], status: int = 200) -> dict[str, Any]:
        answer = self.client(who).post(path, json=body)
        assert answer.status_code == status, answer.text
        told: dict[str, Any] = answer.json()
        return told
