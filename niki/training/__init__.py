"""Training of networks. Not needed to capture or to pose."""
