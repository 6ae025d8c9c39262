"""Puts a motion into a scene: camera, footage, armature, body."""
