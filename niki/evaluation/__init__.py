"""Measuring motions against the truth."""
