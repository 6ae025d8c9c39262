"""Measures results against ground truth."""
