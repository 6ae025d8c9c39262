"""Footage, people, the queue of captures and their results."""
