"""How one signs in at an image registry."""

from collections.abc import Callable
from dataclasses import dataclass

from lockgate.core.secret import Secret


@dataclass(frozen=True, slots=True)
class Login:
    """At one registry. With ``identity_token`` the password is empty."""

    username: str
    password: Secret
    identity_token: Secret | None = None


Logins = Callable[[str], Login | None]
"""Registry, as in front of an image's name (``127.0.0.1:5000``, ``registry.example``) -> how to sign in there; None:
nobody has said."""
