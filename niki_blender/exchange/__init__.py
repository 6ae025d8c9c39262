"""Imports and exports motion files."""
