"""Motion over time: the motion file, keyframes and channels, smoothing. No network."""
