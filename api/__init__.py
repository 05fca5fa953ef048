"""The HTTP side: REST, the live socket, the console, and the page that a cab terminal loads. Nothing here is on the safety path."""
