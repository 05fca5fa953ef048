"""A real broker and a real PostgreSQL that install with pip. For trials, demos and tests; production runs its own."""
