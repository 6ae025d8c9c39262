"""Pulling joints, targets, corrections and baking."""
