"""A command, from its configuration to objects, and from a user's mistake to one clear message."""
