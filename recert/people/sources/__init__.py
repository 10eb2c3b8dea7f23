"""Where persons come from: one protocol, one module for each kind of source."""
