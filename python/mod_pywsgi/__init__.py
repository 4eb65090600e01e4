"""mod_pywsgi: Python web applications in the Apache HTTP Server.

Importing this package touches neither disk nor environment nor network.
"""

__version__ = "0.1.0"

__all__ = ["__version__"]
