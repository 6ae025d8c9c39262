"""The armature: its bones, channels, actions, keyframes and confidence."""
