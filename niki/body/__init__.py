"""The body: skeleton, proportions, rotations, kinematics, joint limits. Works on numpy arrays and torch tensors."""
