import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from statewright.v1 import enrollment_pb2 as _enrollment_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_STATUS_UNSPECIFIED: _ClassVar[TaskStatus]
    TASK_STATUS_READY: _ClassVar[TaskStatus]
    TASK_STATUS_LEASED: _ClassVar[TaskStatus]
    TASK_STATUS_COMPLETED: _ClassVar[TaskStatus]
    TASK_STATUS_FAILED: _ClassVar[TaskStatus]
    TASK_STATUS_CANCELLED: _ClassVar[TaskStatus]
    TASK_STATUS_UNKNOWN_OUTCOME: _ClassVar[TaskStatus]
    TASK_STATUS_OPEN: _ClassVar[TaskStatus]

class TaskKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_KIND_UNSPECIFIED: _ClassVar[TaskKind]
    TASK_KIND_WORKER: _ClassVar[TaskKind]
    TASK_KIND_HUMAN: _ClassVar[TaskKind]
TASK_STATUS_UNSPECIFIED: TaskStatus
TASK_STATUS_READY: TaskStatus
TASK_STATUS_LEASED: TaskStatus
TASK_STATUS_COMPLETED: TaskStatus
TASK_STATUS_FAILED: TaskStatus
TASK_STATUS_CANCELLED: TaskStatus
TASK_STATUS_UNKNOWN_OUTCOME: TaskStatus
TASK_STATUS_OPEN: TaskStatus
TASK_KIND_UNSPECIFIED: TaskKind
TASK_KIND_WORKER: TaskKind
TASK_KIND_HUMAN: TaskKind

class HumanTask(_message.Message):
    __slots__ = ("title", "message", "agent_id", "assign_time", "wanted_agent_id", "wanted_group", "wanted_skills", "decisions", "decision", "decided_by", "close_time")
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_TIME_FIELD_NUMBER: _ClassVar[int]
    WANTED_AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    WANTED_GROUP_FIELD_NUMBER: _ClassVar[int]
    WANTED_SKILLS_FIELD_NUMBER: _ClassVar[int]
    DECISIONS_FIELD_NUMBER: _ClassVar[int]
    DECISION_FIELD_NUMBER: _ClassVar[int]
    DECIDED_BY_FIELD_NUMBER: _ClassVar[int]
    CLOSE_TIME_FIELD_NUMBER: _ClassVar[int]
    title: str
    message: str
    agent_id: str
    assign_time: _timestamp_pb2.Timestamp
    wanted_agent_id: str
    wanted_group: str
    wanted_skills: _containers.RepeatedScalarFieldContainer[str]
    decisions: _containers.RepeatedScalarFieldContainer[str]
    decision: str
    decided_by: str
    close_time: _timestamp_pb2.Timestamp
    def __init__(self, title: _Optional[str] = ..., message: _Optional[str] = ..., agent_id: _Optional[str] = ..., assign_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wanted_agent_id: _Optional[str] = ..., wanted_group: _Optional[str] = ..., wanted_skills: _Optional[_Iterable[str]] = ..., decisions: _Optional[_Iterable[str]] = ..., decision: _Optional[str] = ..., decided_by: _Optional[str] = ..., close_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Task(_message.Message):
    __slots__ = ("id", "queue", "type", "workflow", "version", "enrollment_id", "step", "visit", "contact_id", "input", "idempotency_key", "attempt", "max_attempts", "status", "lease_token", "lease_expire_time", "create_time", "available_time", "priority", "worker_id", "last_error", "human", "variants")
    class VariantsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    QUEUE_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    VISIT_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    MAX_ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LEASE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEASE_EXPIRE_TIME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    AVAILABLE_TIME_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    WORKER_ID_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    HUMAN_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    id: str
    queue: str
    type: str
    workflow: str
    version: int
    enrollment_id: str
    step: str
    visit: int
    contact_id: str
    input: _struct_pb2.Struct
    idempotency_key: str
    attempt: int
    max_attempts: int
    status: TaskStatus
    lease_token: str
    lease_expire_time: _timestamp_pb2.Timestamp
    create_time: _timestamp_pb2.Timestamp
    available_time: _timestamp_pb2.Timestamp
    priority: int
    worker_id: str
    last_error: _enrollment_pb2.StepError
    human: HumanTask
    variants: _containers.ScalarMap[str, str]
    def __init__(self, id: _Optional[str] = ..., queue: _Optional[str] = ..., type: _Optional[str] = ..., workflow: _Optional[str] = ..., version: _Optional[int] = ..., enrollment_id: _Optional[str] = ..., step: _Optional[str] = ..., visit: _Optional[int] = ..., contact_id: _Optional[str] = ..., input: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., idempotency_key: _Optional[str] = ..., attempt: _Optional[int] = ..., max_attempts: _Optional[int] = ..., status: _Optional[_Union[TaskStatus, str]] = ..., lease_token: _Optional[str] = ..., lease_expire_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., available_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., priority: _Optional[int] = ..., worker_id: _Optional[str] = ..., last_error: _Optional[_Union[_enrollment_pb2.StepError, _Mapping]] = ..., human: _Optional[_Union[HumanTask, _Mapping]] = ..., variants: _Optional[_Mapping[str, str]] = ...) -> None: ...
