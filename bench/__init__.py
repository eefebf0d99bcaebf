"""Measures how fast the service is: `python -m bench`, `python -m bench.policy`, `python -m bench.containers`."""
