"""Processes, environments and the capture queue. No bpy."""
