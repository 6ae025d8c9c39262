"""What panels and timers share."""
