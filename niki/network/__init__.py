"""NIKI itself: an invertible network from joints and their uncertainty to rotations, and back."""
