import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from statewright.v1 import enrollment_pb2 as _enrollment_pb2
from statewright.v1 import event_pb2 as _event_pb2
from statewright.v1 import history_pb2 as _history_pb2
from statewright.v1 import simulation_pb2 as _simulation_pb2
from statewright.v1 import task_pb2 as _task_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MessageVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MESSAGE_VERDICT_UNSPECIFIED: _ClassVar[MessageVerdict]
    MESSAGE_VERDICT_SENT: _ClassVar[MessageVerdict]
    MESSAGE_VERDICT_HELD: _ClassVar[MessageVerdict]
    MESSAGE_VERDICT_SKIPPED: _ClassVar[MessageVerdict]

class MoveKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MOVE_KIND_UNSPECIFIED: _ClassVar[MoveKind]
    MOVE_KIND_EVENT: _ClassVar[MoveKind]
    MOVE_KIND_EXIT: _ClassVar[MoveKind]
    MOVE_KIND_TIMER: _ClassVar[MoveKind]
    MOVE_KIND_TASK: _ClassVar[MoveKind]
    MOVE_KIND_TRANSITION: _ClassVar[MoveKind]
    MOVE_KIND_OPERATION: _ClassVar[MoveKind]
    MOVE_KIND_CHANGE: _ClassVar[MoveKind]
MESSAGE_VERDICT_UNSPECIFIED: MessageVerdict
MESSAGE_VERDICT_SENT: MessageVerdict
MESSAGE_VERDICT_HELD: MessageVerdict
MESSAGE_VERDICT_SKIPPED: MessageVerdict
MOVE_KIND_UNSPECIFIED: MoveKind
MOVE_KIND_EVENT: MoveKind
MOVE_KIND_EXIT: MoveKind
MOVE_KIND_TIMER: MoveKind
MOVE_KIND_TASK: MoveKind
MOVE_KIND_TRANSITION: MoveKind
MOVE_KIND_OPERATION: MoveKind
MOVE_KIND_CHANGE: MoveKind

class TriggerRequest(_message.Message):
    __slots__ = ("event", "include_not_matched")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_NOT_MATCHED_FIELD_NUMBER: _ClassVar[int]
    event: _event_pb2.Event
    include_not_matched: bool
    def __init__(self, event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ..., include_not_matched: bool = ...) -> None: ...

class TriggerResponse(_message.Message):
    __slots__ = ("event_id", "duplicate", "verdicts", "accept_time")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    duplicate: bool
    verdicts: _containers.RepeatedCompositeFieldContainer[_event_pb2.Verdict]
    accept_time: _timestamp_pb2.Timestamp
    def __init__(self, event_id: _Optional[str] = ..., duplicate: bool = ..., verdicts: _Optional[_Iterable[_Union[_event_pb2.Verdict, _Mapping]]] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class TriggerBatchRequest(_message.Message):
    __slots__ = ("events", "include_not_matched")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_NOT_MATCHED_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    include_not_matched: bool
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., include_not_matched: bool = ...) -> None: ...

class TriggerBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[_event_pb2.EventResult]
    def __init__(self, results: _Optional[_Iterable[_Union[_event_pb2.EventResult, _Mapping]]] = ...) -> None: ...

class TriggerStreamRequest(_message.Message):
    __slots__ = ("sequence", "events", "include_not_matched")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_NOT_MATCHED_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.Event]
    include_not_matched: bool
    def __init__(self, sequence: _Optional[int] = ..., events: _Optional[_Iterable[_Union[_event_pb2.Event, _Mapping]]] = ..., include_not_matched: bool = ...) -> None: ...

class TriggerStreamResponse(_message.Message):
    __slots__ = ("sequence", "results")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    results: _containers.RepeatedCompositeFieldContainer[_event_pb2.EventResult]
    def __init__(self, sequence: _Optional[int] = ..., results: _Optional[_Iterable[_Union[_event_pb2.EventResult, _Mapping]]] = ...) -> None: ...

class EnrollRequest(_message.Message):
    __slots__ = ("workflow", "contact_id", "key", "input", "contact_patch", "priority", "dry_run", "request_id", "version", "conversation_id")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_PATCH_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    contact_id: str
    key: str
    input: _struct_pb2.Struct
    contact_patch: _struct_pb2.Struct
    priority: int
    dry_run: bool
    request_id: str
    version: int
    conversation_id: str
    def __init__(self, workflow: _Optional[str] = ..., contact_id: _Optional[str] = ..., key: _Optional[str] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., contact_patch: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., priority: _Optional[int] = ..., dry_run: bool = ..., request_id: _Optional[str] = ..., version: _Optional[int] = ..., conversation_id: _Optional[str] = ...) -> None: ...

class EnrollResponse(_message.Message):
    __slots__ = ("verdict", "enrollment")
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    verdict: _event_pb2.Verdict
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, verdict: _Optional[_Union[_event_pb2.Verdict, _Mapping]] = ..., enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class EnrollBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[EnrollRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[EnrollRequest, _Mapping]]] = ...) -> None: ...

class EnrollResult(_message.Message):
    __slots__ = ("enrolled", "error")
    ENROLLED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    enrolled: EnrollResponse
    error: _status_pb2.Status
    def __init__(self, enrolled: _Optional[_Union[EnrollResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class EnrollBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[EnrollResult]
    def __init__(self, results: _Optional[_Iterable[_Union[EnrollResult, _Mapping]]] = ...) -> None: ...

class AdvanceRequest(_message.Message):
    __slots__ = ("enrollment_id", "transition", "data", "expected_revision", "request_id")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    transition: str
    data: _struct_pb2.Struct
    expected_revision: int
    request_id: str
    def __init__(self, enrollment_id: _Optional[str] = ..., transition: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class AdvanceResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class EnrollmentServiceGetRequest(_message.Message):
    __slots__ = ("enrollment_id", "view")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    view: _enrollment_pb2.EnrollmentView
    def __init__(self, enrollment_id: _Optional[str] = ..., view: _Optional[_Union[_enrollment_pb2.EnrollmentView, str]] = ...) -> None: ...

class EnrollmentServiceGetResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class EnrollmentServiceListRequest(_message.Message):
    __slots__ = ("workflow", "version", "contact_id", "status", "step", "start_time_from", "start_time_before", "page_size", "page_token", "view", "order", "parent_id", "exit_reason", "goal")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    START_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    VIEW_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_REASON_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    version: int
    contact_id: str
    status: _containers.RepeatedScalarFieldContainer[_enrollment_pb2.EnrollmentStatus]
    step: str
    start_time_from: _timestamp_pb2.Timestamp
    start_time_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    view: _enrollment_pb2.EnrollmentView
    order: _enrollment_pb2.EnrollmentOrder
    parent_id: str
    exit_reason: str
    goal: str
    def __init__(self, workflow: _Optional[str] = ..., version: _Optional[int] = ..., contact_id: _Optional[str] = ..., status: _Optional[_Iterable[_Union[_enrollment_pb2.EnrollmentStatus, str]]] = ..., step: _Optional[str] = ..., start_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., view: _Optional[_Union[_enrollment_pb2.EnrollmentView, str]] = ..., order: _Optional[_Union[_enrollment_pb2.EnrollmentOrder, str]] = ..., parent_id: _Optional[str] = ..., exit_reason: _Optional[str] = ..., goal: _Optional[str] = ...) -> None: ...

class EnrollmentServiceListResponse(_message.Message):
    __slots__ = ("enrollments", "next_page_token")
    ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    enrollments: _containers.RepeatedCompositeFieldContainer[_enrollment_pb2.Enrollment]
    next_page_token: str
    def __init__(self, enrollments: _Optional[_Iterable[_Union[_enrollment_pb2.Enrollment, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CountRequest(_message.Message):
    __slots__ = ("workflow", "version", "contact_id", "status", "step", "start_time_from", "start_time_before", "parent_id", "exit_reason", "goal")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    START_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_REASON_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    version: int
    contact_id: str
    status: _containers.RepeatedScalarFieldContainer[_enrollment_pb2.EnrollmentStatus]
    step: str
    start_time_from: _timestamp_pb2.Timestamp
    start_time_before: _timestamp_pb2.Timestamp
    parent_id: str
    exit_reason: str
    goal: str
    def __init__(self, workflow: _Optional[str] = ..., version: _Optional[int] = ..., contact_id: _Optional[str] = ..., status: _Optional[_Iterable[_Union[_enrollment_pb2.EnrollmentStatus, str]]] = ..., step: _Optional[str] = ..., start_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_id: _Optional[str] = ..., exit_reason: _Optional[str] = ..., goal: _Optional[str] = ...) -> None: ...

class CountResponse(_message.Message):
    __slots__ = ("counts",)
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    counts: _enrollment_pb2.EnrollmentCounts
    def __init__(self, counts: _Optional[_Union[_enrollment_pb2.EnrollmentCounts, _Mapping]] = ...) -> None: ...

class ListTransitionsRequest(_message.Message):
    __slots__ = ("enrollment_id",)
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    def __init__(self, enrollment_id: _Optional[str] = ...) -> None: ...

class ListTransitionsResponse(_message.Message):
    __slots__ = ("transitions", "step", "revision")
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    transitions: _containers.RepeatedCompositeFieldContainer[_enrollment_pb2.Transition]
    step: str
    revision: int
    def __init__(self, transitions: _Optional[_Iterable[_Union[_enrollment_pb2.Transition, _Mapping]]] = ..., step: _Optional[str] = ..., revision: _Optional[int] = ...) -> None: ...

class GetHistoryRequest(_message.Message):
    __slots__ = ("enrollment_id", "min_level", "step", "page_size", "page_token")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    MIN_LEVEL_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    min_level: _history_pb2.LogLevel
    step: str
    page_size: int
    page_token: str
    def __init__(self, enrollment_id: _Optional[str] = ..., min_level: _Optional[_Union[_history_pb2.LogLevel, str]] = ..., step: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetHistoryResponse(_message.Message):
    __slots__ = ("entries", "next_page_token")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[_history_pb2.HistoryEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[_history_pb2.HistoryEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class EnrollmentServiceWatchRequest(_message.Message):
    __slots__ = ("enrollment_id", "workflow", "contact_id", "after_sequence", "resume_token", "include_children")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    AFTER_SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    RESUME_TOKEN_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_CHILDREN_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    workflow: str
    contact_id: str
    after_sequence: int
    resume_token: str
    include_children: bool
    def __init__(self, enrollment_id: _Optional[str] = ..., workflow: _Optional[str] = ..., contact_id: _Optional[str] = ..., after_sequence: _Optional[int] = ..., resume_token: _Optional[str] = ..., include_children: bool = ...) -> None: ...

class EnrollmentServiceWatchResponse(_message.Message):
    __slots__ = ("event",)
    EVENT_FIELD_NUMBER: _ClassVar[int]
    event: _enrollment_pb2.WatchEvent
    def __init__(self, event: _Optional[_Union[_enrollment_pb2.WatchEvent, _Mapping]] = ...) -> None: ...

class EnrollmentServicePauseRequest(_message.Message):
    __slots__ = ("enrollment_id", "timers", "expected_revision", "request_id", "events")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    timers: _enrollment_pb2.PauseTimers
    expected_revision: int
    request_id: str
    events: _enrollment_pb2.PauseEvents
    def __init__(self, enrollment_id: _Optional[str] = ..., timers: _Optional[_Union[_enrollment_pb2.PauseTimers, str]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ..., events: _Optional[_Union[_enrollment_pb2.PauseEvents, str]] = ...) -> None: ...

class EnrollmentServicePauseResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class EnrollmentServiceResumeRequest(_message.Message):
    __slots__ = ("enrollment_id", "expected_revision", "request_id")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    expected_revision: int
    request_id: str
    def __init__(self, enrollment_id: _Optional[str] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class EnrollmentServiceResumeResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class CancelRequest(_message.Message):
    __slots__ = ("enrollment_id", "reason", "expected_revision", "request_id")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    reason: str
    expected_revision: int
    request_id: str
    def __init__(self, enrollment_id: _Optional[str] = ..., reason: _Optional[str] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class CancelResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class RetryRequest(_message.Message):
    __slots__ = ("enrollment_id", "input", "expected_revision", "request_id")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    input: _struct_pb2.Struct
    expected_revision: int
    request_id: str
    def __init__(self, enrollment_id: _Optional[str] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RetryResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class SetVariablesRequest(_message.Message):
    __slots__ = ("enrollment_id", "variables", "expected_revision", "request_id")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    variables: _struct_pb2.Struct
    expected_revision: int
    request_id: str
    def __init__(self, enrollment_id: _Optional[str] = ..., variables: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetVariablesResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class RescheduleRequest(_message.Message):
    __slots__ = ("enrollment_id", "to_time", "by", "expected_revision", "request_id")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TO_TIME_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    to_time: _timestamp_pb2.Timestamp
    by: _duration_pb2.Duration
    expected_revision: int
    request_id: str
    def __init__(self, enrollment_id: _Optional[str] = ..., to_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., by: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class RescheduleResponse(_message.Message):
    __slots__ = ("enrollment",)
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ...) -> None: ...

class BatchFilter(_message.Message):
    __slots__ = ("workflow", "version", "contact_id", "status", "step", "start_time_from", "start_time_before", "parent_id", "exit_reason", "goal")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    START_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PARENT_ID_FIELD_NUMBER: _ClassVar[int]
    EXIT_REASON_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    version: int
    contact_id: str
    status: _containers.RepeatedScalarFieldContainer[_enrollment_pb2.EnrollmentStatus]
    step: str
    start_time_from: _timestamp_pb2.Timestamp
    start_time_before: _timestamp_pb2.Timestamp
    parent_id: str
    exit_reason: str
    goal: str
    def __init__(self, workflow: _Optional[str] = ..., version: _Optional[int] = ..., contact_id: _Optional[str] = ..., status: _Optional[_Iterable[_Union[_enrollment_pb2.EnrollmentStatus, str]]] = ..., step: _Optional[str] = ..., start_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_id: _Optional[str] = ..., exit_reason: _Optional[str] = ..., goal: _Optional[str] = ...) -> None: ...

class BatchCancel(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class BatchExit(_message.Message):
    __slots__ = ("reason",)
    REASON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    def __init__(self, reason: _Optional[str] = ...) -> None: ...

class BatchPause(_message.Message):
    __slots__ = ("timers", "events")
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    timers: _enrollment_pb2.PauseTimers
    events: _enrollment_pb2.PauseEvents
    def __init__(self, timers: _Optional[_Union[_enrollment_pb2.PauseTimers, str]] = ..., events: _Optional[_Union[_enrollment_pb2.PauseEvents, str]] = ...) -> None: ...

class BatchResume(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class BatchRetry(_message.Message):
    __slots__ = ("input",)
    INPUT_FIELD_NUMBER: _ClassVar[int]
    input: _struct_pb2.Struct
    def __init__(self, input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class BatchAdvance(_message.Message):
    __slots__ = ("transition", "data")
    TRANSITION_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    transition: str
    data: _struct_pb2.Struct
    def __init__(self, transition: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class BatchRequest(_message.Message):
    __slots__ = ("filter", "cancel", "exit", "pause", "resume", "retry", "advance", "dry_run", "rate", "request_id")
    FILTER_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    EXIT_FIELD_NUMBER: _ClassVar[int]
    PAUSE_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    RETRY_FIELD_NUMBER: _ClassVar[int]
    ADVANCE_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    filter: BatchFilter
    cancel: BatchCancel
    exit: BatchExit
    pause: BatchPause
    resume: BatchResume
    retry: BatchRetry
    advance: BatchAdvance
    dry_run: bool
    rate: int
    request_id: str
    def __init__(self, filter: _Optional[_Union[BatchFilter, _Mapping]] = ..., cancel: _Optional[_Union[BatchCancel, _Mapping]] = ..., exit: _Optional[_Union[BatchExit, _Mapping]] = ..., pause: _Optional[_Union[BatchPause, _Mapping]] = ..., resume: _Optional[_Union[BatchResume, _Mapping]] = ..., retry: _Optional[_Union[BatchRetry, _Mapping]] = ..., advance: _Optional[_Union[BatchAdvance, _Mapping]] = ..., dry_run: bool = ..., rate: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class BatchResponse(_message.Message):
    __slots__ = ("request_id", "total", "changed", "left", "done", "groups")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    total: int
    changed: int
    left: int
    done: bool
    groups: _containers.RepeatedCompositeFieldContainer[BatchGroup]
    def __init__(self, request_id: _Optional[str] = ..., total: _Optional[int] = ..., changed: _Optional[int] = ..., left: _Optional[int] = ..., done: bool = ..., groups: _Optional[_Iterable[_Union[BatchGroup, _Mapping]]] = ...) -> None: ...

class BatchGroup(_message.Message):
    __slots__ = ("step", "reason", "message", "count", "example_enrollment_id")
    STEP_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXAMPLE_ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    step: str
    reason: str
    message: str
    count: int
    example_enrollment_id: str
    def __init__(self, step: _Optional[str] = ..., reason: _Optional[str] = ..., message: _Optional[str] = ..., count: _Optional[int] = ..., example_enrollment_id: _Optional[str] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("enrollment_id", "entry")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    entry: EntryQuestion
    def __init__(self, enrollment_id: _Optional[str] = ..., entry: _Optional[_Union[EntryQuestion, _Mapping]] = ...) -> None: ...

class EntryQuestion(_message.Message):
    __slots__ = ("workflow", "contact_id", "event")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    contact_id: str
    event: _event_pb2.Event
    def __init__(self, workflow: _Optional[str] = ..., contact_id: _Optional[str] = ..., event: _Optional[_Union[_event_pb2.Event, _Mapping]] = ...) -> None: ...

class ExplainResponse(_message.Message):
    __slots__ = ("entries", "run", "effects", "looks", "dates", "messages")
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    RUN_FIELD_NUMBER: _ClassVar[int]
    EFFECTS_FIELD_NUMBER: _ClassVar[int]
    LOOKS_FIELD_NUMBER: _ClassVar[int]
    DATES_FIELD_NUMBER: _ClassVar[int]
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[EntryExplanation]
    run: RunExplanation
    effects: _containers.RepeatedCompositeFieldContainer[EventEffect]
    looks: _containers.RepeatedCompositeFieldContainer[OpenLook]
    dates: _containers.RepeatedCompositeFieldContainer[ComingDate]
    messages: _containers.RepeatedCompositeFieldContainer[MessageExplanation]
    def __init__(self, entries: _Optional[_Iterable[_Union[EntryExplanation, _Mapping]]] = ..., run: _Optional[_Union[RunExplanation, _Mapping]] = ..., effects: _Optional[_Iterable[_Union[EventEffect, _Mapping]]] = ..., looks: _Optional[_Iterable[_Union[OpenLook, _Mapping]]] = ..., dates: _Optional[_Iterable[_Union[ComingDate, _Mapping]]] = ..., messages: _Optional[_Iterable[_Union[MessageExplanation, _Mapping]]] = ...) -> None: ...

class MessageExplanation(_message.Message):
    __slots__ = ("workflow", "enrollment_id", "step", "channel", "verdict", "rule", "reason", "until_time")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    enrollment_id: str
    step: str
    channel: str
    verdict: MessageVerdict
    rule: str
    reason: str
    until_time: _timestamp_pb2.Timestamp
    def __init__(self, workflow: _Optional[str] = ..., enrollment_id: _Optional[str] = ..., step: _Optional[str] = ..., channel: _Optional[str] = ..., verdict: _Optional[_Union[MessageVerdict, str]] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ComingDate(_message.Message):
    __slots__ = ("workflow", "trigger", "date", "due_time", "held", "skip_time")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_FIELD_NUMBER: _ClassVar[int]
    DATE_FIELD_NUMBER: _ClassVar[int]
    DUE_TIME_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    SKIP_TIME_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    trigger: str
    date: str
    due_time: _timestamp_pb2.Timestamp
    held: bool
    skip_time: _timestamp_pb2.Timestamp
    def __init__(self, workflow: _Optional[str] = ..., trigger: _Optional[str] = ..., date: _Optional[str] = ..., due_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held: bool = ..., skip_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class OpenLook(_message.Message):
    __slots__ = ("workflow", "event_id", "event_source", "event_type", "accept_time", "until_time", "held")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_SOURCE_FIELD_NUMBER: _ClassVar[int]
    EVENT_TYPE_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    event_id: str
    event_source: str
    event_type: str
    accept_time: _timestamp_pb2.Timestamp
    until_time: _timestamp_pb2.Timestamp
    held: bool
    def __init__(self, workflow: _Optional[str] = ..., event_id: _Optional[str] = ..., event_source: _Optional[str] = ..., event_type: _Optional[str] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., held: bool = ...) -> None: ...

class EntryExplanation(_message.Message):
    __slots__ = ("workflow", "version", "would_enroll", "verdict", "rule", "reason", "conditions", "blocking_enrollment_id", "triggers", "rules", "key", "step")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WOULD_ENROLL_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    BLOCKING_ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    TRIGGERS_FIELD_NUMBER: _ClassVar[int]
    RULES_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    version: int
    would_enroll: bool
    verdict: _event_pb2.VerdictKind
    rule: str
    reason: str
    conditions: _containers.RepeatedCompositeFieldContainer[ConditionTrace]
    blocking_enrollment_id: str
    triggers: _containers.RepeatedCompositeFieldContainer[TriggerCheck]
    rules: _containers.RepeatedCompositeFieldContainer[EntryRuleCheck]
    key: str
    step: str
    def __init__(self, workflow: _Optional[str] = ..., version: _Optional[int] = ..., would_enroll: bool = ..., verdict: _Optional[_Union[_event_pb2.VerdictKind, str]] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ..., conditions: _Optional[_Iterable[_Union[ConditionTrace, _Mapping]]] = ..., blocking_enrollment_id: _Optional[str] = ..., triggers: _Optional[_Iterable[_Union[TriggerCheck, _Mapping]]] = ..., rules: _Optional[_Iterable[_Union[EntryRuleCheck, _Mapping]]] = ..., key: _Optional[str] = ..., step: _Optional[str] = ...) -> None: ...

class TriggerCheck(_message.Message):
    __slots__ = ("id", "enabled", "matches", "reason", "checks")
    ID_FIELD_NUMBER: _ClassVar[int]
    ENABLED_FIELD_NUMBER: _ClassVar[int]
    MATCHES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    id: str
    enabled: bool
    matches: bool
    reason: str
    checks: _containers.RepeatedCompositeFieldContainer[ConditionTrace]
    def __init__(self, id: _Optional[str] = ..., enabled: bool = ..., matches: bool = ..., reason: _Optional[str] = ..., checks: _Optional[_Iterable[_Union[ConditionTrace, _Mapping]]] = ...) -> None: ...

class EntryRuleCheck(_message.Message):
    __slots__ = ("name", "blocks", "detail", "until_time")
    NAME_FIELD_NUMBER: _ClassVar[int]
    BLOCKS_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    name: str
    blocks: bool
    detail: str
    until_time: _timestamp_pb2.Timestamp
    def __init__(self, name: _Optional[str] = ..., blocks: bool = ..., detail: _Optional[str] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EventEffect(_message.Message):
    __slots__ = ("enrollment_id", "workflow", "version", "step", "verdict", "exits", "cases")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    EXITS_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    workflow: str
    version: int
    step: str
    verdict: _event_pb2.Verdict
    exits: _containers.RepeatedCompositeFieldContainer[CaseCheck]
    cases: _containers.RepeatedCompositeFieldContainer[CaseCheck]
    def __init__(self, enrollment_id: _Optional[str] = ..., workflow: _Optional[str] = ..., version: _Optional[int] = ..., step: _Optional[str] = ..., verdict: _Optional[_Union[_event_pb2.Verdict, _Mapping]] = ..., exits: _Optional[_Iterable[_Union[CaseCheck, _Mapping]]] = ..., cases: _Optional[_Iterable[_Union[CaseCheck, _Mapping]]] = ...) -> None: ...

class CaseCheck(_message.Message):
    __slots__ = ("name", "applies", "condition", "detail")
    NAME_FIELD_NUMBER: _ClassVar[int]
    APPLIES_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    DETAIL_FIELD_NUMBER: _ClassVar[int]
    name: str
    applies: bool
    condition: ConditionTrace
    detail: str
    def __init__(self, name: _Optional[str] = ..., applies: bool = ..., condition: _Optional[_Union[ConditionTrace, _Mapping]] = ..., detail: _Optional[str] = ...) -> None: ...

class ConditionTrace(_message.Message):
    __slots__ = ("text", "result", "actual", "children", "error", "subject", "operator", "expected", "reads")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    text: str
    result: bool
    actual: _struct_pb2.Value
    children: _containers.RepeatedCompositeFieldContainer[ConditionTrace]
    error: str
    subject: str
    operator: str
    expected: _struct_pb2.Value
    reads: _containers.RepeatedCompositeFieldContainer[ReadValue]
    def __init__(self, text: _Optional[str] = ..., result: bool = ..., actual: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., children: _Optional[_Iterable[_Union[ConditionTrace, _Mapping]]] = ..., error: _Optional[str] = ..., subject: _Optional[str] = ..., operator: _Optional[str] = ..., expected: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., reads: _Optional[_Iterable[_Union[ReadValue, _Mapping]]] = ...) -> None: ...

class ReadValue(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: _struct_pb2.Value
    def __init__(self, name: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ...) -> None: ...

class RunExplanation(_message.Message):
    __slots__ = ("enrollment", "reason", "waiting_for", "since_time", "until_time", "moved_by", "queue", "conditions", "moves", "held", "human")
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_FIELD_NUMBER: _ClassVar[int]
    SINCE_TIME_FIELD_NUMBER: _ClassVar[int]
    UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    MOVED_BY_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    CONDITIONS_FIELD_NUMBER: _ClassVar[int]
    MOVES_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    HUMAN_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    reason: str
    waiting_for: str
    since_time: _timestamp_pb2.Timestamp
    until_time: _timestamp_pb2.Timestamp
    moved_by: _containers.RepeatedScalarFieldContainer[str]
    queue: QueueState
    conditions: _containers.RepeatedCompositeFieldContainer[ConditionTrace]
    moves: _containers.RepeatedCompositeFieldContainer[Move]
    held: _containers.RepeatedScalarFieldContainer[str]
    human: _task_pb2.HumanTask
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ..., reason: _Optional[str] = ..., waiting_for: _Optional[str] = ..., since_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., moved_by: _Optional[_Iterable[str]] = ..., queue: _Optional[_Union[QueueState, _Mapping]] = ..., conditions: _Optional[_Iterable[_Union[ConditionTrace, _Mapping]]] = ..., moves: _Optional[_Iterable[_Union[Move, _Mapping]]] = ..., held: _Optional[_Iterable[str]] = ..., human: _Optional[_Union[_task_pb2.HumanTask, _Mapping]] = ...) -> None: ...

class Move(_message.Message):
    __slots__ = ("kind", "name", "outcome", "target", "ends_as", "time", "condition")
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    TARGET_FIELD_NUMBER: _ClassVar[int]
    ENDS_AS_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    CONDITION_FIELD_NUMBER: _ClassVar[int]
    kind: MoveKind
    name: str
    outcome: str
    target: str
    ends_as: _enrollment_pb2.EnrollmentStatus
    time: _timestamp_pb2.Timestamp
    condition: ConditionTrace
    def __init__(self, kind: _Optional[_Union[MoveKind, str]] = ..., name: _Optional[str] = ..., outcome: _Optional[str] = ..., target: _Optional[str] = ..., ends_as: _Optional[_Union[_enrollment_pb2.EnrollmentStatus, str]] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., condition: _Optional[_Union[ConditionTrace, _Mapping]] = ...) -> None: ...

class QueueState(_message.Message):
    __slots__ = ("name", "last_poll_time", "waiting_workers")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LAST_POLL_TIME_FIELD_NUMBER: _ClassVar[int]
    WAITING_WORKERS_FIELD_NUMBER: _ClassVar[int]
    name: str
    last_poll_time: _timestamp_pb2.Timestamp
    waiting_workers: int
    def __init__(self, name: _Optional[str] = ..., last_poll_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waiting_workers: _Optional[int] = ...) -> None: ...

class ForecastRequest(_message.Message):
    __slots__ = ("enrollment_id", "events", "results", "assume_resumed", "max_duration", "max_transitions")
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ASSUME_RESUMED_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    events: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.ScriptedEvent]
    results: _struct_pb2.Struct
    assume_resumed: bool
    max_duration: _duration_pb2.Duration
    max_transitions: int
    def __init__(self, enrollment_id: _Optional[str] = ..., events: _Optional[_Iterable[_Union[_simulation_pb2.ScriptedEvent, _Mapping]]] = ..., results: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., assume_resumed: bool = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_transitions: _Optional[int] = ...) -> None: ...

class ForecastResponse(_message.Message):
    __slots__ = ("enrollment", "stays", "attempts", "timeline", "waits", "assumptions", "start_time", "end_time", "end")
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    STAYS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    WAITS_FIELD_NUMBER: _ClassVar[int]
    ASSUMPTIONS_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    stays: _containers.RepeatedCompositeFieldContainer[ForecastStay]
    attempts: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.SimulatedAttempt]
    timeline: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.SimulatedMoment]
    waits: RunExplanation
    assumptions: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    end: _simulation_pb2.SimulationEnd
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ..., stays: _Optional[_Iterable[_Union[ForecastStay, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[_simulation_pb2.SimulatedAttempt, _Mapping]]] = ..., timeline: _Optional[_Iterable[_Union[_simulation_pb2.SimulatedMoment, _Mapping]]] = ..., waits: _Optional[_Union[RunExplanation, _Mapping]] = ..., assumptions: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[_simulation_pb2.SimulationEnd, str]] = ...) -> None: ...

class ForecastStay(_message.Message):
    __slots__ = ("step", "step_type", "enter_time", "leave_time", "outcome")
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ENTER_TIME_FIELD_NUMBER: _ClassVar[int]
    LEAVE_TIME_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    step: str
    step_type: str
    enter_time: _timestamp_pb2.Timestamp
    leave_time: _timestamp_pb2.Timestamp
    outcome: str
    def __init__(self, step: _Optional[str] = ..., step_type: _Optional[str] = ..., enter_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., leave_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., outcome: _Optional[str] = ...) -> None: ...

class GetSummaryRequest(_message.Message):
    __slots__ = ("enrollment_id",)
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    enrollment_id: str
    def __init__(self, enrollment_id: _Optional[str] = ...) -> None: ...

class GetSummaryResponse(_message.Message):
    __slots__ = ("enrollment", "entries", "warnings", "errors", "steps")
    ENROLLMENT_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    enrollment: _enrollment_pb2.Enrollment
    entries: int
    warnings: int
    errors: int
    steps: _containers.RepeatedCompositeFieldContainer[StepSummary]
    def __init__(self, enrollment: _Optional[_Union[_enrollment_pb2.Enrollment, _Mapping]] = ..., entries: _Optional[int] = ..., warnings: _Optional[int] = ..., errors: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[StepSummary, _Mapping]]] = ...) -> None: ...

class StepSummary(_message.Message):
    __slots__ = ("step", "visits", "completed", "failed", "skipped", "retries", "duration", "first_time", "last_time")
    STEP_FIELD_NUMBER: _ClassVar[int]
    VISITS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    RETRIES_FIELD_NUMBER: _ClassVar[int]
    DURATION_FIELD_NUMBER: _ClassVar[int]
    FIRST_TIME_FIELD_NUMBER: _ClassVar[int]
    LAST_TIME_FIELD_NUMBER: _ClassVar[int]
    step: str
    visits: int
    completed: int
    failed: int
    skipped: int
    retries: int
    duration: _duration_pb2.Duration
    first_time: _timestamp_pb2.Timestamp
    last_time: _timestamp_pb2.Timestamp
    def __init__(self, step: _Optional[str] = ..., visits: _Optional[int] = ..., completed: _Optional[int] = ..., failed: _Optional[int] = ..., skipped: _Optional[int] = ..., retries: _Optional[int] = ..., duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., first_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
