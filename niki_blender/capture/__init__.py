"""Capturing: its settings and panels, the footage, the captures and their results."""

MODULES = ("settings", "sources", "footage_files", "results", "people", "operators", "job_operators", "panel")
"""Modules that register, in this order."""
