"""Serving scripts from jails: zygotes, their spares, and the judge of how a script ended."""
