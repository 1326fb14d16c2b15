"""What is traded, and when: structures and the instruments they are made of, dates of entry, rolls."""
