"""The guard in front of any model: an OpenAI-compatible gateway, and the same guard as a library.

    guard = Guard(load_detector("lexical"), load_detoxifier("template"))
    ask = guard.wrap(ask)

It is a room with a door of its own: what it offers is imported from here, and needs the extra `serve` only
where it serves.
"""

from levelhead.guard.gateway._config import GatewayConfig, PolicySettings
from levelhead.guard.gateway._config_file import read_config
from levelhead.guard.gateway._config_reference import config_reference
from levelhead.guard.gateway._decision import Decision
from levelhead.guard.gateway._guard import Guard
from levelhead.guard.gateway._serve import serve

__all__ = ["Decision", "GatewayConfig", "Guard", "PolicySettings", "config_reference", "read_config", "serve"]
