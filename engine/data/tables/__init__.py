"""Tables of one's own: their contracts, how rows are held against them, and how they become a panel."""
