"""Preferences, and the environment that captures run in."""
