"""Helpers for panels and timers."""
