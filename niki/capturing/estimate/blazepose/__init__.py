"""The estimator that comes with the program: BlazePose GHUM."""
