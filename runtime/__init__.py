"""
The roof: the command line, everything in one place, and the embedded broker and database.

- `cli`: the `cranewatch` command.
- `demo`, `stack`: broker, database, all services and a simulated site on loopback, and the summary at the end.
- `reconcile`: what the devices' own journals say against what the database holds.
- `embedded`: the broker (rumqttd, in a wheel) and PostgreSQL (in a wheel) for machines with nothing installed.
"""
