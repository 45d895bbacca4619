"""Settings of dozo: one typed tree from a TOML file, the environment and flags, changed at run time by CONFIG SET.

config = load("dozo.toml", os.environ, {"port": "0"})
config.network.port, config.memory.maxmemory     # typed values
config.get("max*")                                # CONFIG GET: texts by name
config.set({"maxmemory": "1gb"})                  # CONFIG SET: all or nothing, SettingError gives Redis's reason
config.on_change("maxmemory", lambda new, old: ...)
config.source("port"), config.rewrite()
"""

from dozo.config.live import Config
from dozo.config.setting import OLD_NAMES, SETTINGS, Setting, SettingError
from dozo.config.sources import load
from dozo.config.tree import SECTIONS, OutputLimit, OutputLimits, Tree

__all__ = [
    "OLD_NAMES",
    "SECTIONS",
    "SETTINGS",
    "Config",
    "OutputLimit",
    "OutputLimits",
    "Setting",
    "SettingError",
    "Tree",
    "load",
]
