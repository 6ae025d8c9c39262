"""From joints to rotations: the network or the analytic solution, refined."""
