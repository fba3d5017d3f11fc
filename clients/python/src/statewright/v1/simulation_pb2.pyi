import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from statewright.v1 import enrollment_pb2 as _enrollment_pb2
from statewright.v1 import event_pb2 as _event_pb2
from statewright.v1 import history_pb2 as _history_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ScriptedOperation(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SCRIPTED_OPERATION_UNSPECIFIED: _ClassVar[ScriptedOperation]
    SCRIPTED_OPERATION_ENROLL: _ClassVar[ScriptedOperation]
    SCRIPTED_OPERATION_ADVANCE: _ClassVar[ScriptedOperation]
    SCRIPTED_OPERATION_PAUSE: _ClassVar[ScriptedOperation]
    SCRIPTED_OPERATION_RESUME: _ClassVar[ScriptedOperation]
    SCRIPTED_OPERATION_CANCEL: _ClassVar[ScriptedOperation]
    SCRIPTED_OPERATION_RETRY: _ClassVar[ScriptedOperation]

class SimulationEnd(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIMULATION_END_UNSPECIFIED: _ClassVar[SimulationEnd]
    SIMULATION_END_SETTLED: _ClassVar[SimulationEnd]
    SIMULATION_END_TIME: _ClassVar[SimulationEnd]
    SIMULATION_END_TRANSITIONS: _ClassVar[SimulationEnd]
    SIMULATION_END_SIZE: _ClassVar[SimulationEnd]

class SimulatedMomentKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SIMULATED_MOMENT_KIND_UNSPECIFIED: _ClassVar[SimulatedMomentKind]
    SIMULATED_MOMENT_KIND_EVENT: _ClassVar[SimulatedMomentKind]
    SIMULATED_MOMENT_KIND_RAISED: _ClassVar[SimulatedMomentKind]
    SIMULATED_MOMENT_KIND_CONTACT: _ClassVar[SimulatedMomentKind]
    SIMULATED_MOMENT_KIND_OPERATION: _ClassVar[SimulatedMomentKind]
    SIMULATED_MOMENT_KIND_HISTORY: _ClassVar[SimulatedMomentKind]
    SIMULATED_MOMENT_KIND_ATTEMPT: _ClassVar[SimulatedMomentKind]
SCRIPTED_OPERATION_UNSPECIFIED: ScriptedOperation
SCRIPTED_OPERATION_ENROLL: ScriptedOperation
SCRIPTED_OPERATION_ADVANCE: ScriptedOperation
SCRIPTED_OPERATION_PAUSE: ScriptedOperation
SCRIPTED_OPERATION_RESUME: ScriptedOperation
SCRIPTED_OPERATION_CANCEL: ScriptedOperation
SCRIPTED_OPERATION_RETRY: ScriptedOperation
SIMULATION_END_UNSPECIFIED: SimulationEnd
SIMULATION_END_SETTLED: SimulationEnd
SIMULATION_END_TIME: SimulationEnd
SIMULATION_END_TRANSITIONS: SimulationEnd
SIMULATION_END_SIZE: SimulationEnd
SIMULATED_MOMENT_KIND_UNSPECIFIED: SimulatedMomentKind
SIMULATED_MOMENT_KIND_EVENT: SimulatedMomentKind
SIMULATED_MOMENT_KIND_RAISED: SimulatedMomentKind
SIMULATED_MOMENT_KIND_CONTACT: SimulatedMomentKind
SIMULATED_MOMENT_KIND_OPERATION: SimulatedMomentKind
SIMULATED_MOMENT_KIND_HISTORY: SimulatedMomentKind
SIMULATED_MOMENT_KIND_ATTEMPT: SimulatedMomentKind

class ScriptedEvent(_message.Message):
    __slots__ = ("after", "type", "operation", "upsert", "consent", "outage", "contact_id", "workflow", "id", "key", "source", "data", "contact_patch", "transition", "timers", "reason", "pause_events", "conversation_id")
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    UPSERT_FIELD_NUMBER: _ClassVar[int]
    CONSENT_FIELD_NUMBER: _ClassVar[int]
    OUTAGE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTACT_PATCH_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PAUSE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    after: _duration_pb2.Duration
    type: str
    operation: ScriptedOperation
    upsert: _struct_pb2.Struct
    consent: _struct_pb2.Struct
    outage: _duration_pb2.Duration
    contact_id: str
    workflow: str
    id: str
    key: str
    source: str
    data: _struct_pb2.Struct
    contact_patch: _struct_pb2.Struct
    transition: str
    timers: _enrollment_pb2.PauseTimers
    reason: str
    pause_events: _enrollment_pb2.PauseEvents
    conversation_id: str
    def __init__(self, after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., type: _Optional[str] = ..., operation: _Optional[_Union[ScriptedOperation, str]] = ..., upsert: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., consent: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., outage: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., contact_id: _Optional[str] = ..., workflow: _Optional[str] = ..., id: _Optional[str] = ..., key: _Optional[str] = ..., source: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., contact_patch: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., transition: _Optional[str] = ..., timers: _Optional[_Union[_enrollment_pb2.PauseTimers, str]] = ..., reason: _Optional[str] = ..., pause_events: _Optional[_Union[_enrollment_pb2.PauseEvents, str]] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class SimulatedAttempt(_message.Message):
    __slots__ = ("time", "enrollment_id", "workflow", "contact_id", "step", "type", "queue", "attempt", "input", "delivered", "outcome", "output", "error")
    TIME_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    DELIVERED_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    enrollment_id: str
    workflow: str
    contact_id: str
    step: str
    type: str
    queue: str
    attempt: int
    input: _struct_pb2.Struct
    delivered: bool
    outcome: str
    output: _struct_pb2.Struct
    error: _enrollment_pb2.StepError
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., enrollment_id: _Optional[str] = ..., workflow: _Optional[str] = ..., contact_id: _Optional[str] = ..., step: _Optional[str] = ..., type: _Optional[str] = ..., queue: _Optional[str] = ..., attempt: _Optional[int] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., delivered: bool = ..., outcome: _Optional[str] = ..., output: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., error: _Optional[_Union[_enrollment_pb2.StepError, _Mapping]] = ...) -> None: ...

class SimulatedMoment(_message.Message):
    __slots__ = ("time", "kind", "contact_id", "enrollment_id", "workflow", "event", "verdicts", "entry", "attempt", "text", "refusal")
    TIME_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    REFUSAL_FIELD_NUMBER: _ClassVar[int]
    time: _timestamp_pb2.Timestamp
    kind: SimulatedMomentKind
    contact_id: str
    enrollment_id: str
    workflow: str
    event: _event_pb2.Event
    verdicts: _containers.RepeatedCompositeFieldContainer[_event_pb2.Verdict]
    entry: _history_pb2.HistoryEntry
    attempt: SimulatedAttempt
    text: str
    refusal: str
    def __init__(self, time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[_Union[SimulatedMomentKind, str]] = ..., contact_id: _Optional[str] = ..., enrollment_id: _Optional[str] = ..., workflow: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., verdicts: _Optional[_Iterable[_Union[_event_pb2.Verdict, _Mapping]]] = ..., entry: _Optional[_Union[_history_pb2.HistoryEntry, _Mapping]] = ..., attempt: _Optional[_Union[SimulatedAttempt, _Mapping]] = ..., text: _Optional[str] = ..., refusal: _Optional[str] = ...) -> None: ...

class TestDifference(_message.Message):
    __slots__ = ("path", "line", "column", "expected", "actual", "text")
    PATH_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    path: str
    line: int
    column: int
    expected: _struct_pb2.Value
    actual: _struct_pb2.Value
    text: str
    def __init__(self, path: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., expected: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., actual: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...

class TestResult(_message.Message):
    __slots__ = ("name", "passed", "line", "column", "differences", "virtual_duration")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    VIRTUAL_DURATION_FIELD_NUMBER: _ClassVar[int]
    name: str
    passed: bool
    line: int
    column: int
    differences: _containers.RepeatedCompositeFieldContainer[TestDifference]
    virtual_duration: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., passed: bool = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., differences: _Optional[_Iterable[_Union[TestDifference, _Mapping]]] = ..., virtual_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class TestBranch(_message.Message):
    __slots__ = ("step", "outcome")
    STEP_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    step: str
    outcome: str
    def __init__(self, step: _Optional[str] = ..., outcome: _Optional[str] = ...) -> None: ...

class TestCoverage(_message.Message):
    __slots__ = ("steps", "branches", "missing_steps", "missing_branches", "step_percent", "branch_percent")
    STEPS_FIELD_NUMBER: _ClassVar[int]
    BRANCHES_FIELD_NUMBER: _ClassVar[int]
    MISSING_STEPS_FIELD_NUMBER: _ClassVar[int]
    MISSING_BRANCHES_FIELD_NUMBER: _ClassVar[int]
    STEP_PERCENT_FIELD_NUMBER: _ClassVar[int]
    BRANCH_PERCENT_FIELD_NUMBER: _ClassVar[int]
    steps: int
    branches: int
    missing_steps: _containers.RepeatedScalarFieldContainer[str]
    missing_branches: _containers.RepeatedCompositeFieldContainer[TestBranch]
    step_percent: float
    branch_percent: float
    def __init__(self, steps: _Optional[int] = ..., branches: _Optional[int] = ..., missing_steps: _Optional[_Iterable[str]] = ..., missing_branches: _Optional[_Iterable[_Union[TestBranch, _Mapping]]] = ..., step_percent: _Optional[float] = ..., branch_percent: _Optional[float] = ...) -> None: ...
