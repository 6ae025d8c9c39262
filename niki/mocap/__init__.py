"""Reads recorded motion (ASF/AMC, BVH, exponential maps) and fits our skeleton to it."""
