"""Joints to rotations: the network's or the analytic solution, refined."""
