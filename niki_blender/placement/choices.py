"""Enum items for placing a motion, shared by settings and operators."""

from .placing import ALWAYS, IF_EMPTY, NEVER

PLACES = (
    (
        "ORIGIN",
        "World Origin",
        "The person starts at the world origin, with the camera placed to match",
    ),
    ("CURSOR", "3D Cursor", "The person starts at the 3D cursor, with the camera placed to match"),
    (
        "FILMED",
        "As Filmed",
        "The camera is above the world origin, the person where they stood in front of it",
    ),
)
MATCHES = (
    (IF_EMPTY, "If Empty", "Only if the scene has nothing but Blender's default objects and settings"),
    (ALWAYS, "Always", "Change the scene's frame rate, frame range, resolution and camera"),
    (NEVER, "Never", "Leave the scene as it is and resample the motion to its frame rate"),
)
MATCH_NAME = "Match Scene to Footage"
MATCH_DESCRIPTION = "Set the scene's frame rate, frame range, resolution and camera from the footage"
