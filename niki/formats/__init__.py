"""Reads and writes other programs' motion files."""
