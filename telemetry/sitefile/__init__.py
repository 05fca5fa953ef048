"""The site file: one TOML text with all that a site is configured with, read, checked, compared and written. Pure."""
