"""Panels on disk: how they are written, grown, replaced, opened and verified."""
