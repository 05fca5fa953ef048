"""The HTTP side: REST, the live socket, the console, the cab terminal's page. Nothing here is on the safety path."""
