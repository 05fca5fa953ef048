"""What a limit profile would have done with recorded readings, held against what happened. Pure."""
