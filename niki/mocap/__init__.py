"""Reads motion capture (ASF/AMC, BVH, exponential maps) and transfers it to our skeleton."""
