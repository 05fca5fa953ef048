"""
What travels between devices, services and terminals: topics, frames, payloads. Pure, and the same for every side.

- `topics`: the grammar; one function to parse, one to build.
- `frames`: a device's message, decoded into a typed struct or refused with a reason.
- `columns`: many frames as numpy columns, with the one rounding that everyone then sees.
- `payloads`: everything that is not a frame.
"""
