"""Reads and writes the motion files of other programs."""
