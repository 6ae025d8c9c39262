"""Posing by targets, and corrections of a motion over time."""
