"""Motion over time: the motion file, its keys and channels, smoothing. No network."""
