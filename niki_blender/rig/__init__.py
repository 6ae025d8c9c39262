"""The armature: bones, channels, actions and keyframes, confidence."""
