"""The background process: its protocol and its program."""
