"""The router on this machine: Envoy, driven by files it watches (filesystem xDS).

``book`` says which clusters a route needs, ``render`` puts it into Envoy's words, ``folder`` keeps both on disk,
``process`` runs Envoy under a shim, ``admin`` asks it, and ``router`` is the port. All state is in the folder: a new
control plane, or a second one on the same folder, goes on with what is there.
"""

from lockgate.drivers.routers.envoy.process import find_binary
from lockgate.drivers.routers.envoy.router import EnvoyRouter, EnvoySettings

__all__ = ["EnvoyRouter", "EnvoySettings", "find_binary"]
