"""What a campaign asks and of whom: scope, population, routing, launch."""
