"""Proves that a jail holds: a script tries what must fail."""
