"""From footage to joints: decoding, people, estimators, refinement. Needs ``niki[capture]``."""

import os

MOST_PIXELS = 1 << 27
"""Of a picture: 134 million, four times those of 8K. A file that promises more is damaged or meant ill."""

# OpenCV looks once, when it is loaded. It refuses such an image before it takes memory for it.
os.environ.setdefault("OPENCV_IO_MAX_IMAGE_PIXELS", str(MOST_PIXELS))
