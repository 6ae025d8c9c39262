"""How wrong the default estimator is."""

STANDARD_ERROR = {
    "pelvis": (0.01, 0.03), "hip": (0.01, 0.03), "spine1": (0.02, 0.05), "spine2": (0.02, 0.07),
    "spine3": (0.025, 0.08), "neck": (0.025, 0.10), "collar": (0.025, 0.10), "head": (0.03, 0.12),
    "head_top": (0.04, 0.13), "shoulder": (0.025, 0.11), "elbow": (0.03, 0.12),
    "wrist": (0.035, 0.165), "hand": (0.045, 0.18), "middle_finger": (0.06, 0.20),
    "knee": (0.02, 0.095), "ankle": (0.035, 0.095), "foot": (0.04, 0.10), "big_toe": (0.045, 0.11),
}  # fmt: skip
"""Standard error in metres across (per axis) and along the view, hip-centred, by kind of joint. Hips,
knees, ankles, shoulders, elbows and wrists: as scripts/evaluate_treadmill prints them for two
calibrated views of one man, rounded. The other joints are not measured there and are set by their
neighbours."""
