"""The JSON Schema of definitions, for editors: made of the models that the parser reads with, and of its tables.

The schema never refuses what the parser accepts. It refuses less: what takes more than the shape of one place (targets,
expressions, templates, rings, zones) is left to `statewright validate`.
"""

from statemachine.schema.document import definition_schema

__all__ = ["definition_schema"]
