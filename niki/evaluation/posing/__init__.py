"""``niki bench posing``: our posing against classical inverse kinematics, on people not in the training set."""
