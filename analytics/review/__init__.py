"""The review of late data: a process of its own, and the only part of the analyzer that reads the database."""
