"""Vertices and skin weights of bodies. No bpy."""
