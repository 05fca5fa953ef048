"""`cranewatch replay` and `cranewatch shadow`: a limit profile held against what was recorded."""
