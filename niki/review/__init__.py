"""Pictures and scenes to look at, rendered in a Blender process of their own."""
