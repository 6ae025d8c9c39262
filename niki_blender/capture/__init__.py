"""Footage, people, the queue of captures and their results."""

MODULES = ("settings", "sources", "footage_files", "results", "people", "operators", "job_operators", "panel")
"""Those that register, in this order."""
