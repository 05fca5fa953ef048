"""What is going on now: the picture that the broker's messages paint, and its fan-out to live sockets."""
