"""`python -m recert` is the `recert` command."""

from recert.command import main

main()
