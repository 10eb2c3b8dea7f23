"""Transfer logs: who used which folder when last. Only the sums are kept, no line."""
