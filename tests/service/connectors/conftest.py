"""The same databases and engine as the tests of tasks."""

from tests.service.tasks.conftest import clock, database, engine

__all__ = ["clock", "database", "engine"]
