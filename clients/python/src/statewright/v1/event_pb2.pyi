import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VerdictKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VERDICT_KIND_UNSPECIFIED: _ClassVar[VerdictKind]
    VERDICT_KIND_ENROLLED: _ClassVar[VerdictKind]
    VERDICT_KIND_ADVANCED: _ClassVar[VerdictKind]
    VERDICT_KIND_EXITED: _ClassVar[VerdictKind]
    VERDICT_KIND_BUFFERED: _ClassVar[VerdictKind]
    VERDICT_KIND_DEBOUNCED: _ClassVar[VerdictKind]
    VERDICT_KIND_BLOCKED: _ClassVar[VerdictKind]
    VERDICT_KIND_NOT_MATCHED: _ClassVar[VerdictKind]
VERDICT_KIND_UNSPECIFIED: VerdictKind
VERDICT_KIND_ENROLLED: VerdictKind
VERDICT_KIND_ADVANCED: VerdictKind
VERDICT_KIND_EXITED: VerdictKind
VERDICT_KIND_BUFFERED: VerdictKind
VERDICT_KIND_DEBOUNCED: VerdictKind
VERDICT_KIND_BLOCKED: VerdictKind
VERDICT_KIND_NOT_MATCHED: VerdictKind

class Event(_message.Message):
    __slots__ = ("id", "type", "source", "contact_id", "conversation_id", "key", "data", "contact_patch", "occurred_time", "priority")
    ID_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    CONTACT_PATCH_FIELD_NUMBER: _ClassVar[int]
    OCCURRED_TIME_FIELD_NUMBER: _ClassVar[int]
    PRIORITY_FIELD_NUMBER: _ClassVar[int]
    id: str
    type: str
    source: str
    contact_id: str
    conversation_id: str
    key: str
    data: _struct_pb2.Struct
    contact_patch: _struct_pb2.Struct
    occurred_time: _timestamp_pb2.Timestamp
    priority: int
    def __init__(self, id: _Optional[str] = ..., type: _Optional[str] = ..., source: _Optional[str] = ..., contact_id: _Optional[str] = ..., conversation_id: _Optional[str] = ..., key: _Optional[str] = ..., data: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., contact_patch: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., occurred_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., priority: _Optional[int] = ...) -> None: ...

class Verdict(_message.Message):
    __slots__ = ("workflow", "version", "kind", "enrollment_id", "rule", "reason", "step")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    version: int
    kind: VerdictKind
    enrollment_id: str
    rule: str
    reason: str
    step: str
    def __init__(self, workflow: _Optional[str] = ..., version: _Optional[int] = ..., kind: _Optional[_Union[VerdictKind, str]] = ..., enrollment_id: _Optional[str] = ..., rule: _Optional[str] = ..., reason: _Optional[str] = ..., step: _Optional[str] = ...) -> None: ...

class EventAcceptance(_message.Message):
    __slots__ = ("duplicate", "verdicts", "accept_time")
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    VERDICTS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    duplicate: bool
    verdicts: _containers.RepeatedCompositeFieldContainer[Verdict]
    accept_time: _timestamp_pb2.Timestamp
    def __init__(self, duplicate: bool = ..., verdicts: _Optional[_Iterable[_Union[Verdict, _Mapping]]] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class EventResult(_message.Message):
    __slots__ = ("event_id", "accepted", "error")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    event_id: str
    accepted: EventAcceptance
    error: _status_pb2.Status
    def __init__(self, event_id: _Optional[str] = ..., accepted: _Optional[_Union[EventAcceptance, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class LoggedEvent(_message.Message):
    __slots__ = ("event", "accept_time", "chain", "blocked_rule", "taken_by_enrollment_id", "pending")
    EVENT_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FIELD_NUMBER: _ClassVar[int]
    CHAIN_FIELD_NUMBER: _ClassVar[int]
    BLOCKED_RULE_FIELD_NUMBER: _ClassVar[int]
    TAKEN_BY_ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    PENDING_FIELD_NUMBER: _ClassVar[int]
    event: Event
    accept_time: _timestamp_pb2.Timestamp
    chain: _containers.RepeatedScalarFieldContainer[str]
    blocked_rule: str
    taken_by_enrollment_id: str
    pending: bool
    def __init__(self, event: _Optional[_Union[Event, _Mapping]] = ..., accept_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., chain: _Optional[_Iterable[str]] = ..., blocked_rule: _Optional[str] = ..., taken_by_enrollment_id: _Optional[str] = ..., pending: bool = ...) -> None: ...
