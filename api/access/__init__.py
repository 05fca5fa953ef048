"""Who asks, and what they may: sign-in, tokens, keys, and the gate before every route."""
