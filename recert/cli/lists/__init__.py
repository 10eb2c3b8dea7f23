"""Commands that list things, apart from the others of their noun: they load a fraction of it."""
