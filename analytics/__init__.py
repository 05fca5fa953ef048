"""The analyzer: a pure alarm engine in a thin MQTT shell. It reads no database and no clock."""
