"""NIKI inside Blender. Imports bpy and niki, nothing else.

Loaded as a sub-package of the extension's root, beside ``niki``, so that it works under whatever
name Blender gives the extension; ``niki.review.blender_process`` loads it the same way outside.
"""
