"""Measures the service: `python -m bench` how fast it is, `python -m bench.soak` whether it stays as it was."""
