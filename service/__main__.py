"""Serves on this machine: `python -m service` checks the settings and hands over to functions-framework.

functions-framework reads PORT before it loads the service, and answers a wrong one with its own usage text.
"""

import os
import runpy
import sys

from service.settings import SettingsError, read_settings


def main() -> None:
    """Serve until told to stop."""
    try:
        read_settings(os.environ)
    except SettingsError as error:
        sys.exit(f"Wrong settings:\n{error}")
    sys.argv[1:] = ["--target", "app"]
    runpy.run_module("functions_framework", run_name="__main__")


if __name__ == "__main__":
    main()
