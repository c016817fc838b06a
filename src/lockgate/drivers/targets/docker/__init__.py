"""Instances as containers of a Docker engine, or of another that speaks its API.

Read in this order: target (the port), engine (the API and its errors), berths (names and labels), images, creation
(what is asked of the engine), launching, readiness, removal, output.
"""

from lockgate.drivers.targets.docker.target import DockerTarget, Settings

__all__ = ["DockerTarget", "Settings"]
