"""What commands print for people: recorded text made harmless, lines laid out, entries of a timeline."""
