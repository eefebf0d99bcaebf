"""Measures the service: `python -m bench` how fast it is, `python -m bench.soak` what it holds out against."""
