"""Speed against the machine's own limits, measured in the same run, and against careful plain-Python loops."""
