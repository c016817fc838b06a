"""A server that kills itself with -9 at a chosen boundary of the next deployment: python doomed.py serve.

``DOOMED_AT``: 1 is the first boundary. Boundaries are just before and just after each driver step and each write of
the deployment's row. Only deployments requested after this server started count, so that one that was interrupted
before is finished in peace.
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from typing import Any

from lockgate.cli.main import main
from lockgate.core.deployment import Deployment
from lockgate.engine.executor import Executor
from lockgate.store.deployments import SqlDeployments

STARTED = time.time()


class Doom:
    """Counts boundaries."""

    def __init__(self, at: int) -> None:
        self.left = at

    def boundary(self, row: Deployment) -> None:
        if row.created_at < STARTED or row.final or row.holds:
            return
        self.left -= 1
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, method: Callable[..., Any]) -> Callable[..., Any]:
        """The method with a boundary on both sides; its first argument is the row."""

        def bounded(this: object, row: Deployment, *args: Any, **kwargs: Any) -> Any:
            self.boundary(row)
            result = method(this, row, *args, **kwargs)
            self.boundary(row)
            return result

        return bounded


if __name__ == "__main__":
    doom = Doom(int(os.environ["DOOMED_AT"]))
    Executor.carry_out = doom.around(Executor.carry_out)  # type: ignore[method-assign]
    SqlDeployments.save = doom.around(SqlDeployments.save)  # type: ignore[method-assign]
    sys.exit(main())
