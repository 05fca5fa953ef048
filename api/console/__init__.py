"""The desk's console: NiceGUI pages on the same application."""
