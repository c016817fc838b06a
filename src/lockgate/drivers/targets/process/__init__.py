"""Instances as processes of this machine, each under its own shim.

Read in this order: target (the port), berths (folders and ports), preparation, command (what is run), readiness,
removal.
"""

from lockgate.drivers.targets.process.target import ProcessTarget, Settings

__all__ = ["ProcessTarget", "Settings"]
