"""Overloads the service for a long time, then breaks its parts one by one: nothing may grow, and all must recover."""
