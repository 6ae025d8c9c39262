"""Decodes video and image sequences; the camera."""
