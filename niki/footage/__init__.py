"""From footage to joints: decoding, people, estimators, refinement. Needs ``niki[capture]``."""
