"""What people see: the cab terminal's static page."""
