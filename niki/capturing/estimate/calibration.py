"""How wrong the default estimator is."""

STANDARD_ERROR = {
    "pelvis": (0.009, 0.015), "hip": (0.012, 0.015), "spine1": (0.017, 0.033), "knee": (0.028, 0.070),
    "spine2": (0.022, 0.043), "ankle": (0.032, 0.101), "spine3": (0.024, 0.050), "foot": (0.035, 0.109),
    "neck": (0.024, 0.062), "collar": (0.025, 0.060), "head": (0.026, 0.068), "shoulder": (0.033, 0.063),
    "elbow": (0.037, 0.088), "wrist": (0.039, 0.112), "hand": (0.046, 0.127), "head_top": (0.047, 0.107),
    "middle_finger": (0.061, 0.152), "big_toe": (0.044, 0.117),
}  # fmt: skip
"""Standard error in metres across (per axis) and along the view, hip-centred, by kind of joint, where nothing is
hidden: what scripts/fit_joint_errors prints for rendered people held out."""

WHEN_HIDDEN = 8
"""How many times the usual error a hidden joint's is: what scripts/evaluate_capture shows of ankles behind a box."""
