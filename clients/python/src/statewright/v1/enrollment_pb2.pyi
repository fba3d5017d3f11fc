import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class EnrollmentStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENROLLMENT_STATUS_UNSPECIFIED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_PENDING: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_RUNNING: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_WAITING: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_PAUSED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_COMPLETED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_FAILED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_EXITED: _ClassVar[EnrollmentStatus]
    ENROLLMENT_STATUS_CANCELLED: _ClassVar[EnrollmentStatus]

class EnrollmentView(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENROLLMENT_VIEW_UNSPECIFIED: _ClassVar[EnrollmentView]
    ENROLLMENT_VIEW_BASIC: _ClassVar[EnrollmentView]
    ENROLLMENT_VIEW_FULL: _ClassVar[EnrollmentView]

class EnrollmentOrder(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ENROLLMENT_ORDER_UNSPECIFIED: _ClassVar[EnrollmentOrder]
    ENROLLMENT_ORDER_NEWEST_FIRST: _ClassVar[EnrollmentOrder]
    ENROLLMENT_ORDER_OLDEST_FIRST: _ClassVar[EnrollmentOrder]

class PauseTimers(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAUSE_TIMERS_UNSPECIFIED: _ClassVar[PauseTimers]
    PAUSE_TIMERS_KEEP: _ClassVar[PauseTimers]
    PAUSE_TIMERS_REMAINING: _ClassVar[PauseTimers]
    PAUSE_TIMERS_CATCH_UP: _ClassVar[PauseTimers]

class PauseEvents(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    PAUSE_EVENTS_UNSPECIFIED: _ClassVar[PauseEvents]
    PAUSE_EVENTS_BUFFER: _ClassVar[PauseEvents]
    PAUSE_EVENTS_DELIVER: _ClassVar[PauseEvents]
    PAUSE_EVENTS_DROP: _ClassVar[PauseEvents]

class WatchEventKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WATCH_EVENT_KIND_UNSPECIFIED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_STARTED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_STEP_STARTED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_STEP_COMPLETED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_STEP_FAILED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_COMPLETED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_FAILED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_WAITING: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_RETRYING: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_PAUSED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_RESUMED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_EXITED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_CANCELLED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_MIGRATED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_VARIABLES_SET: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_RESCHEDULED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_CHILD_ENDED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_QUEUED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_DROPPED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_DEBOUNCED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_REMINDED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_ESCALATED: _ClassVar[WatchEventKind]
    WATCH_EVENT_KIND_HELD: _ClassVar[WatchEventKind]
ENROLLMENT_STATUS_UNSPECIFIED: EnrollmentStatus
ENROLLMENT_STATUS_PENDING: EnrollmentStatus
ENROLLMENT_STATUS_RUNNING: EnrollmentStatus
ENROLLMENT_STATUS_WAITING: EnrollmentStatus
ENROLLMENT_STATUS_PAUSED: EnrollmentStatus
ENROLLMENT_STATUS_COMPLETED: EnrollmentStatus
ENROLLMENT_STATUS_FAILED: EnrollmentStatus
ENROLLMENT_STATUS_EXITED: EnrollmentStatus
ENROLLMENT_STATUS_CANCELLED: EnrollmentStatus
ENROLLMENT_VIEW_UNSPECIFIED: EnrollmentView
ENROLLMENT_VIEW_BASIC: EnrollmentView
ENROLLMENT_VIEW_FULL: EnrollmentView
ENROLLMENT_ORDER_UNSPECIFIED: EnrollmentOrder
ENROLLMENT_ORDER_NEWEST_FIRST: EnrollmentOrder
ENROLLMENT_ORDER_OLDEST_FIRST: EnrollmentOrder
PAUSE_TIMERS_UNSPECIFIED: PauseTimers
PAUSE_TIMERS_KEEP: PauseTimers
PAUSE_TIMERS_REMAINING: PauseTimers
PAUSE_TIMERS_CATCH_UP: PauseTimers
PAUSE_EVENTS_UNSPECIFIED: PauseEvents
PAUSE_EVENTS_BUFFER: PauseEvents
PAUSE_EVENTS_DELIVER: PauseEvents
PAUSE_EVENTS_DROP: PauseEvents
WATCH_EVENT_KIND_UNSPECIFIED: WatchEventKind
WATCH_EVENT_KIND_STARTED: WatchEventKind
WATCH_EVENT_KIND_STEP_STARTED: WatchEventKind
WATCH_EVENT_KIND_STEP_COMPLETED: WatchEventKind
WATCH_EVENT_KIND_STEP_FAILED: WatchEventKind
WATCH_EVENT_KIND_COMPLETED: WatchEventKind
WATCH_EVENT_KIND_FAILED: WatchEventKind
WATCH_EVENT_KIND_WAITING: WatchEventKind
WATCH_EVENT_KIND_RETRYING: WatchEventKind
WATCH_EVENT_KIND_PAUSED: WatchEventKind
WATCH_EVENT_KIND_RESUMED: WatchEventKind
WATCH_EVENT_KIND_EXITED: WatchEventKind
WATCH_EVENT_KIND_CANCELLED: WatchEventKind
WATCH_EVENT_KIND_MIGRATED: WatchEventKind
WATCH_EVENT_KIND_VARIABLES_SET: WatchEventKind
WATCH_EVENT_KIND_RESCHEDULED: WatchEventKind
WATCH_EVENT_KIND_CHILD_ENDED: WatchEventKind
WATCH_EVENT_KIND_QUEUED: WatchEventKind
WATCH_EVENT_KIND_DROPPED: WatchEventKind
WATCH_EVENT_KIND_DEBOUNCED: WatchEventKind
WATCH_EVENT_KIND_REMINDED: WatchEventKind
WATCH_EVENT_KIND_ESCALATED: WatchEventKind
WATCH_EVENT_KIND_HELD: WatchEventKind

class EnrollmentTrigger(_message.Message):
    __slots__ = ("id", "type", "event_id")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    event_id: str
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., event_id: _Optional[str] = ...) -> None: ...

class StepError(_message.Message):
    __slots__ = ("step", "code", "message", "time", "transient", "attempt")
    STEP_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    TRANSIENT_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    step: str
    code: str
    message: str
    time: _timestamp_pb2.Timestamp
    transient: bool
    attempt: int
    def __init__(self, step: _Optional[str] = ..., code: _Optional[str] = ..., message: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., transient: bool = ..., attempt: _Optional[int] = ...) -> None: ...

class Enrollment(_message.Message):
    __slots__ = ("id", "workflow", "version", "contact_id", "conversation_id", "parent_id", "trigger", "status", "step", "path", "variables", "variants", "waiting_for", "due_time", "attempt", "max_attempts", "priority", "start_time", "last_transition_time", "end_time", "duration", "executed_steps", "failed_steps", "retried_steps", "last_error", "exit_reason", "goal", "revision", "next_retry_time", "task_id", "key")
    class VariantsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TRANSITION_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    EXECUTED_STEPS_FIELD_NUMBER: _ClassVar[int]
    FAILED_STEPS_FIELD_NUMBER: _ClassVar[int]
    RETRIED_STEPS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    EXIT_REASON_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    NEXT_RETRY_TIME_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    id: str
    workflow: str
    version: int
    contact_id: str
    conversation_id: str
    parent_id: str
    trigger: EnrollmentTrigger
    status: EnrollmentStatus
    step: str
    path: _containers.RepeatedScalarFieldContainer[str]
    variables: _struct_pb2.Struct
    variants: _containers.ScalarMap[str, str]
    waiting_for: _containers.RepeatedScalarFieldContainer[str]
    due_time: _timestamp_pb2.Timestamp
    attempt: int
    max_attempts: int
    priority: int
    start_time: _timestamp_pb2.Timestamp
    last_transition_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    duration: _duration_pb2.Duration
    executed_steps: int
    failed_steps: int
    retried_steps: int
    last_error: StepError
    exit_reason: str
    goal: str
    revision: int
    next_retry_time: _timestamp_pb2.Timestamp
    task_id: str
    key: str
    def __init__(self, id: _Optional[str] = ..., workflow: _Optional[str] = ..., version: _Optional[int] = ..., contact_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., parent_id: _Optional[str] = ..., trigger: _Optional[_Union[EnrollmentTrigger, _Mapping]] = ..., status: _Optional[_Union[EnrollmentStatus, str]] = ..., step: _Optional[str] = ..., path: _Optional[_Iterable[str]] = ..., variables: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., variants: _Optional[_Mapping[str, str]] = ..., waiting_for: _Optional[_Iterable[str]] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., priority: _Optional[int] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_transition_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., executed_steps: _Optional[int] = ..., failed_steps: _Optional[int] = ..., retried_steps: _Optional[int] = ..., last_error: _Optional[_Union[StepError, _Mapping]] = ..., exit_reason: _Optional[str] = ..., goal: _Optional[str] = ..., revision: _Optional[int] = ..., next_retry_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., task_id: _Optional[str] = ..., key: _Optional[str] = ...) -> None: ...

class Transition(_message.Message):
    __slots__ = ("name", "target", "ends_as")
    NAME_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ENDS_AS_FIELD_NUMBER: _ClassVar[int]
    name: str
    target: str
    ends_as: EnrollmentStatus
    def __init__(self, name: _Optional[str] = ..., target: _Optional[str] = ..., ends_as: _Optional[_Union[EnrollmentStatus, str]] = ...) -> None: ...

class StatusCount(_message.Message):
    __slots__ = ("status", "count")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    status: EnrollmentStatus
    count: int
    def __init__(self, status: _Optional[_Union[EnrollmentStatus, str]] = ..., count: _Optional[int] = ...) -> None: ...

class StepCount(_message.Message):
    __slots__ = ("step", "count")
    STEP_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    step: str
    count: int
    def __init__(self, step: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class ExitCount(_message.Message):
    __slots__ = ("exit_reason", "goal", "count")
    EXIT_REASON_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    exit_reason: str
    goal: str
    count: int
    def __init__(self, exit_reason: _Optional[str] = ..., goal: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class EnrollmentCounts(_message.Message):
    __slots__ = ("total", "statuses", "steps", "exits")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    total: int
    statuses: _containers.RepeatedCompositeFieldContainer[StatusCount]
    steps: _containers.RepeatedCompositeFieldContainer[StepCount]
    exits: _containers.RepeatedCompositeFieldContainer[ExitCount]
    def __init__(self, total: _Optional[int] = ..., statuses: _Optional[_Iterable[_Union[StatusCount, _Mapping]]] = ..., steps: _Optional[_Iterable[_Union[StepCount, _Mapping]]] = ..., exits: _Optional[_Iterable[_Union[ExitCount, _Mapping]]] = ...) -> None: ...

class WatchEvent(_message.Message):
    __slots__ = ("kind", "enrollment_id", "workflow", "contact_id", "sequence", "time", "step", "step_type", "outcome", "attempt", "error", "resume_token", "status", "parent_id", "metadata")
    KIND_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEP_TYPE_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    METADATA_FIELD_NUMBER: _ClassVar[int]
    kind: WatchEventKind
    enrollment_id: str
    workflow: str
    contact_id: str
    sequence: int
    time: _timestamp_pb2.Timestamp
    step: str
    step_type: str
    outcome: str
    attempt: int
    error: StepError
    resume_token: str
    status: EnrollmentStatus
    parent_id: str
    metadata: _struct_pb2.Struct
    def __init__(self, kind: _Optional[_Union[WatchEventKind, str]] = ..., enrollment_id: _Optional[str] = ..., workflow: _Optional[str] = ..., contact_id: _Optional[str] = ..., sequence: _Optional[int] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., step: _Optional[str] = ..., step_type: _Optional[str] = ..., outcome: _Optional[str] = ..., attempt: _Optional[int] = ..., error: _Optional[_Union[StepError, _Mapping]] = ..., resume_token: _Optional[str] = ..., status: _Optional[_Union[EnrollmentStatus, str]] = ..., parent_id: _Optional[str] = ..., metadata: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...
