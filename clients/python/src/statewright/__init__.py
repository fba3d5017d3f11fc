"""The Statewright API for Python: messages and stubs live in `statewright.v1`."""
