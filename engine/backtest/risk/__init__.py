"""How large: stress losses, margin, limits, the positions held on a day."""
