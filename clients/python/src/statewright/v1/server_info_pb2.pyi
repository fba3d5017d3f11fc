import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DatabaseKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DATABASE_KIND_UNSPECIFIED: _ClassVar[DatabaseKind]
    DATABASE_KIND_SQLITE: _ClassVar[DatabaseKind]
    DATABASE_KIND_POSTGRESQL: _ClassVar[DatabaseKind]
DATABASE_KIND_UNSPECIFIED: DatabaseKind
DATABASE_KIND_SQLITE: DatabaseKind
DATABASE_KIND_POSTGRESQL: DatabaseKind

class QueueInfo(_message.Message):
    __slots__ = ("name", "ready_tasks", "delayed_tasks", "leased_tasks", "last_poll_time", "waiting_workers", "oldest_ready_age")
    NAME_FIELD_NUMBER: _ClassVar[int]
    READY_TASKS_FIELD_NUMBER: _ClassVar[int]
    DELAYED_TASKS_FIELD_NUMBER: _ClassVar[int]
    LEASED_TASKS_FIELD_NUMBER: _ClassVar[int]
    LAST_POLL_TIME_FIELD_NUMBER: _ClassVar[int]
    WAITING_WORKERS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_READY_AGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    ready_tasks: int
    delayed_tasks: int
    leased_tasks: int
    last_poll_time: _timestamp_pb2.Timestamp
    waiting_workers: int
    oldest_ready_age: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., ready_tasks: _Optional[int] = ..., delayed_tasks: _Optional[int] = ..., leased_tasks: _Optional[int] = ..., last_poll_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waiting_workers: _Optional[int] = ..., oldest_ready_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class HumanQueueInfo(_message.Message):
    __slots__ = ("name", "open_tasks", "unassigned_tasks", "unserved_tasks", "oldest_unassigned_age")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OPEN_TASKS_FIELD_NUMBER: _ClassVar[int]
    UNASSIGNED_TASKS_FIELD_NUMBER: _ClassVar[int]
    UNSERVED_TASKS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_UNASSIGNED_AGE_FIELD_NUMBER: _ClassVar[int]
    name: str
    open_tasks: int
    unassigned_tasks: int
    unserved_tasks: int
    oldest_unassigned_age: _duration_pb2.Duration
    def __init__(self, name: _Optional[str] = ..., open_tasks: _Optional[int] = ..., unassigned_tasks: _Optional[int] = ..., unserved_tasks: _Optional[int] = ..., oldest_unassigned_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class PendingInfo(_message.Message):
    __slots__ = ("rule", "count")
    RULE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    rule: str
    count: int
    def __init__(self, rule: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class BlockedInfo(_message.Message):
    __slots__ = ("rule", "count")
    RULE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    rule: str
    count: int
    def __init__(self, rule: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class LookInfo(_message.Message):
    __slots__ = ("workflow", "count", "last_until_time")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    LAST_UNTIL_TIME_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    count: int
    last_until_time: _timestamp_pb2.Timestamp
    def __init__(self, workflow: _Optional[str] = ..., count: _Optional[int] = ..., last_until_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class PlaceInfo(_message.Message):
    __slots__ = ("workflow", "taken", "max_concurrent", "begun", "per_minute", "pending", "leaked")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TAKEN_FIELD_NUMBER: _ClassVar[int]
    MAX_CONCURRENT_FIELD_NUMBER: _ClassVar[int]
    BEGUN_FIELD_NUMBER: _ClassVar[int]
    PER_MINUTE_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    LEAKED_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    taken: int
    max_concurrent: int
    begun: int
    per_minute: int
    pending: int
    leaked: int
    def __init__(self, workflow: _Optional[str] = ..., taken: _Optional[int] = ..., max_concurrent: _Optional[int] = ..., begun: _Optional[int] = ..., per_minute: _Optional[int] = ..., pending: _Optional[int] = ..., leaked: _Optional[int] = ...) -> None: ...

class ServerInfo(_message.Message):
    __slots__ = ("version", "database", "database_version", "schema_revision", "workflow_time", "wall_time", "clock_rate", "dev", "replica_id", "live_enrollments", "stuck_enrollments", "oldest_due_lag", "queues", "quarantined_enrollments", "quarantined_events", "pending", "blocked", "human_queues", "looks", "places")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DATABASE_FIELD_NUMBER: _ClassVar[int]
    DATABASE_VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_REVISION_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_TIME_FIELD_NUMBER: _ClassVar[int]
    WALL_TIME_FIELD_NUMBER: _ClassVar[int]
    CLOCK_RATE_FIELD_NUMBER: _ClassVar[int]
    DEV_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    LIVE_ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    STUCK_ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    OLDEST_DUE_LAG_FIELD_NUMBER: _ClassVar[int]
    QUEUES_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_FIELD_NUMBER: _ClassVar[int]
    HUMAN_QUEUES_FIELD_NUMBER: _ClassVar[int]
    LOOKS_FIELD_NUMBER: _ClassVar[int]
    PLACES_FIELD_NUMBER: _ClassVar[int]
    version: str
    database: DatabaseKind
    database_version: str
    schema_revision: str
    workflow_time: _timestamp_pb2.Timestamp
    wall_time: _timestamp_pb2.Timestamp
    clock_rate: float
    dev: bool
    replica_id: str
    live_enrollments: int
    stuck_enrollments: int
    oldest_due_lag: _duration_pb2.Duration
    queues: _containers.RepeatedCompositeFieldContainer[QueueInfo]
    quarantined_enrollments: int
    quarantined_events: int
    pending: _containers.RepeatedCompositeFieldContainer[PendingInfo]
    blocked: _containers.RepeatedCompositeFieldContainer[BlockedInfo]
    human_queues: _containers.RepeatedCompositeFieldContainer[HumanQueueInfo]
    looks: _containers.RepeatedCompositeFieldContainer[LookInfo]
    places: _containers.RepeatedCompositeFieldContainer[PlaceInfo]
    def __init__(self, version: _Optional[str] = ..., database: _Optional[_Union[DatabaseKind, str]] = ..., database_version: _Optional[str] = ..., schema_revision: _Optional[str] = ..., workflow_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., wall_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., clock_rate: _Optional[float] = ..., dev: bool = ..., replica_id: _Optional[str] = ..., live_enrollments: _Optional[int] = ..., stuck_enrollments: _Optional[int] = ..., oldest_due_lag: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., queues: _Optional[_Iterable[_Union[QueueInfo, _Mapping]]] = ..., quarantined_enrollments: _Optional[int] = ..., quarantined_events: _Optional[int] = ..., pending: _Optional[_Iterable[_Union[PendingInfo, _Mapping]]] = ..., blocked: _Optional[_Iterable[_Union[BlockedInfo, _Mapping]]] = ..., human_queues: _Optional[_Iterable[_Union[HumanQueueInfo, _Mapping]]] = ..., looks: _Optional[_Iterable[_Union[LookInfo, _Mapping]]] = ..., places: _Optional[_Iterable[_Union[PlaceInfo, _Mapping]]] = ...) -> None: ...
