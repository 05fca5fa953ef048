"""`cranewatch terminal`: the cab's page served from its own box, or a screen of text on one without a browser."""
