"""`rustonite demo`: a venue, a recorder, a market maker and queries, on this machine alone.

`story` is the order of things, `crew` the processes, `watch` and `screen` what people see
meanwhile, `proofs` what must hold, `queries`, `report` and `plots` what comes of it.
"""
