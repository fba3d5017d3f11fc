"""How fast Statewright is beside raw batched SQL, in the same run, on the same machine and database: `make bench`."""
