"""Joint estimators and what they share."""
