"""What a run leaves on disk: its manifest, its folder or its row of a table, and how they are read back."""
