"""A terminal's page served from the box in the cab, with a bridge to the broker; the API is not needed."""
