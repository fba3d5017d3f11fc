from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MigrationTimers(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIGRATION_TIMERS_UNSPECIFIED: _ClassVar[MigrationTimers]
    MIGRATION_TIMERS_KEEP: _ClassVar[MigrationTimers]
    MIGRATION_TIMERS_RECOMPUTE: _ClassVar[MigrationTimers]

class MigrationFit(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MIGRATION_FIT_UNSPECIFIED: _ClassVar[MigrationFit]
    MIGRATION_FIT_UNCHANGED: _ClassVar[MigrationFit]
    MIGRATION_FIT_MAPPED: _ClassVar[MigrationFit]
    MIGRATION_FIT_NEEDS_MAPPING: _ClassVar[MigrationFit]
    MIGRATION_FIT_IMPOSSIBLE: _ClassVar[MigrationFit]
MIGRATION_TIMERS_UNSPECIFIED: MigrationTimers
MIGRATION_TIMERS_KEEP: MigrationTimers
MIGRATION_TIMERS_RECOMPUTE: MigrationTimers
MIGRATION_FIT_UNSPECIFIED: MigrationFit
MIGRATION_FIT_UNCHANGED: MigrationFit
MIGRATION_FIT_MAPPED: MigrationFit
MIGRATION_FIT_NEEDS_MAPPING: MigrationFit
MIGRATION_FIT_IMPOSSIBLE: MigrationFit

class MigrationGroup(_message.Message):
    __slots__ = ("step", "to_step", "fit", "count", "reason", "message", "example_enrollment_id", "suggested_step")
    STEP_FIELD_NUMBER: _ClassVar[int]
    TO_STEP_FIELD_NUMBER: _ClassVar[int]
    FIT_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    SUGGESTED_STEP_FIELD_NUMBER: _ClassVar[int]
    step: str
    to_step: str
    fit: MigrationFit
    count: int
    reason: str
    message: str
    example_enrollment_id: str
    suggested_step: str
    def __init__(self, step: _Optional[str] = ..., to_step: _Optional[str] = ..., fit: _Optional[_Union[MigrationFit, str]] = ..., count: _Optional[int] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., example_enrollment_id: _Optional[str] = ..., suggested_step: _Optional[str] = ...) -> None: ...
