"""NIKI: from footage of a person to an animated SMPL armature.

The library needs numpy alone; decoding and estimation need ``niki[capture]``.
"""

__version__ = "0.1.0"
