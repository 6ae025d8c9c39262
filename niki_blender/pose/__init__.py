"""Posing: pulling joints, targets, corrections over time, baking."""
