"""Reading mocap and training. What is here is not needed to capture or to pose."""
