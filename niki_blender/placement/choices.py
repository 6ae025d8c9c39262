"""Choices of where a motion goes, as operators and settings offer them."""

from .placing import ALWAYS, IF_EMPTY, NEVER

PLACES = (
    (
        "ORIGIN",
        "World Origin",
        "The person stands at the world's origin where first seen, the camera before them",
    ),
    ("CURSOR", "3D Cursor", "The person stands at the 3D cursor where first seen, the camera before them"),
    ("FILMED", "As Filmed", "The camera is above the world's origin, the person where they are before it"),
)
MATCHES = (
    (IF_EMPTY, "If Empty", "In a scene that holds no more than Blender's start-up objects"),
    (ALWAYS, "Always", "Changes the scene's frame rate, frame range, resolution and camera"),
    (NEVER, "Never", "The scene stays as it is; the motion is resampled to its frame rate"),
)
MATCH_NAME = "Match Scene to Footage"
MATCH_DESCRIPTION = "Give the scene the footage's frame rate, frame range and resolution, and its camera"
