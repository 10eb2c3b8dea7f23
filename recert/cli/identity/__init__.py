"""Commands about identity systems: who signs in by them, and what they use of Recert."""
