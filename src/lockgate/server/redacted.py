"""Operations whose answers and refusals hold no secret: what leaves the server goes through here, whoever asked."""

from collections.abc import Callable
from typing import Any, cast

from lockgate.core.discretion import Mask, hushed, masked
from lockgate.core.errors import LockgateError
from lockgate.server.operations import OperationsLike


class _Redacted:
    """Of operations, or of a desk of theirs."""

    def __init__(self, inner: object, mask: Mask) -> None:
        self._inner = inner
        self._mask = mask

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._inner, name)
        return self._quiet(found) if callable(found) else _Redacted(found, self._mask)

    def _quiet(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def quiet(*arguments: Any, **named: Any) -> Any:
            try:
                answer = call(*arguments, **named)
                same = type(answer) is type(self._inner)  # on behalf of somebody
                return _Redacted(answer, self._mask) if same else masked(answer, self._mask)
            except LockgateError as error:
                hushed(error, self._mask)
                raise

        return quiet


def redacted(operations: OperationsLike, mask: Mask) -> OperationsLike:
    """The same operations, discreet."""
    return cast(OperationsLike, _Redacted(operations, mask))
