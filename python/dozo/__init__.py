"""dozo: a data server and an embeddable store for people who work in Python.

This module stays empty of imports, so that `import dozo` costs nothing: the parts are imported from where they live
(`dozo.commands.api`, `dozo.server`, ...).
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
