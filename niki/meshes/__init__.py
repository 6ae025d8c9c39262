"""Body meshes: vertices and skin weights. No bpy."""
