import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AgentAvailability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    AGENT_AVAILABILITY_UNSPECIFIED: _ClassVar[AgentAvailability]
    AGENT_AVAILABILITY_AVAILABLE: _ClassVar[AgentAvailability]
    AGENT_AVAILABILITY_BUSY: _ClassVar[AgentAvailability]
    AGENT_AVAILABILITY_AWAY: _ClassVar[AgentAvailability]

class AssignmentReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIGNMENT_REASON_UNSPECIFIED: _ClassVar[AssignmentReason]
    ASSIGNMENT_REASON_DIRECT: _ClassVar[AssignmentReason]
    ASSIGNMENT_REASON_ROUND_ROBIN: _ClassVar[AssignmentReason]
    ASSIGNMENT_REASON_SKILL: _ClassVar[AssignmentReason]
    ASSIGNMENT_REASON_CLAIMED: _ClassVar[AssignmentReason]
    ASSIGNMENT_REASON_REASSIGNED: _ClassVar[AssignmentReason]
    ASSIGNMENT_REASON_ESCALATED: _ClassVar[AssignmentReason]

class AssignmentEnding(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    ASSIGNMENT_ENDING_UNSPECIFIED: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_DECIDED: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_RELEASED: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_REASSIGNED: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_ESCALATED: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_TIMEOUT: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_CANCELLED: _ClassVar[AssignmentEnding]
    ASSIGNMENT_ENDING_AGENT_DELETED: _ClassVar[AssignmentEnding]

class NotificationKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    NOTIFICATION_KIND_UNSPECIFIED: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_ASSIGNED: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_UNASSIGNED: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_REMINDER: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_ESCALATED: _ClassVar[NotificationKind]
    NOTIFICATION_KIND_CLOSED: _ClassVar[NotificationKind]
AGENT_AVAILABILITY_UNSPECIFIED: AgentAvailability
AGENT_AVAILABILITY_AVAILABLE: AgentAvailability
AGENT_AVAILABILITY_BUSY: AgentAvailability
AGENT_AVAILABILITY_AWAY: AgentAvailability
ASSIGNMENT_REASON_UNSPECIFIED: AssignmentReason
ASSIGNMENT_REASON_DIRECT: AssignmentReason
ASSIGNMENT_REASON_ROUND_ROBIN: AssignmentReason
ASSIGNMENT_REASON_SKILL: AssignmentReason
ASSIGNMENT_REASON_CLAIMED: AssignmentReason
ASSIGNMENT_REASON_REASSIGNED: AssignmentReason
ASSIGNMENT_REASON_ESCALATED: AssignmentReason
ASSIGNMENT_ENDING_UNSPECIFIED: AssignmentEnding
ASSIGNMENT_ENDING_DECIDED: AssignmentEnding
ASSIGNMENT_ENDING_RELEASED: AssignmentEnding
ASSIGNMENT_ENDING_REASSIGNED: AssignmentEnding
ASSIGNMENT_ENDING_ESCALATED: AssignmentEnding
ASSIGNMENT_ENDING_TIMEOUT: AssignmentEnding
ASSIGNMENT_ENDING_CANCELLED: AssignmentEnding
ASSIGNMENT_ENDING_AGENT_DELETED: AssignmentEnding
NOTIFICATION_KIND_UNSPECIFIED: NotificationKind
NOTIFICATION_KIND_ASSIGNED: NotificationKind
NOTIFICATION_KIND_UNASSIGNED: NotificationKind
NOTIFICATION_KIND_REMINDER: NotificationKind
NOTIFICATION_KIND_ESCALATED: NotificationKind
NOTIFICATION_KIND_CLOSED: NotificationKind

class Agent(_message.Message):
    __slots__ = ("id", "name", "email", "groups", "skills", "channels", "availability", "max_open", "open", "revision", "create_time", "update_time")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    SKILLS_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    AVAILABILITY_FIELD_NUMBER: _ClassVar[int]
    MAX_OPEN_FIELD_NUMBER: _ClassVar[int]
    OPEN_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    id: str
    name: str
    email: str
    groups: _containers.RepeatedScalarFieldContainer[str]
    skills: _containers.RepeatedScalarFieldContainer[str]
    channels: _containers.RepeatedScalarFieldContainer[str]
    availability: AgentAvailability
    max_open: int
    open: int
    revision: int
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, id: _Optional[str] = ..., name: _Optional[str] = ..., email: _Optional[str] = ..., groups: _Optional[_Iterable[str]] = ..., skills: _Optional[_Iterable[str]] = ..., channels: _Optional[_Iterable[str]] = ..., availability: _Optional[_Union[AgentAvailability, str]] = ..., max_open: _Optional[int] = ..., open: _Optional[int] = ..., revision: _Optional[int] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Assignment(_message.Message):
    __slots__ = ("id", "agent_id", "task_id", "enrollment_id", "contact_id", "workflow", "step", "title", "reason", "assign_time", "end_time", "ending")
    ID_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ASSIGN_TIME_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    ENDING_FIELD_NUMBER: _ClassVar[int]
    id: str
    agent_id: str
    task_id: str
    enrollment_id: str
    contact_id: str
    workflow: str
    step: str
    title: str
    reason: AssignmentReason
    assign_time: _timestamp_pb2.Timestamp
    end_time: _timestamp_pb2.Timestamp
    ending: AssignmentEnding
    def __init__(self, id: _Optional[str] = ..., agent_id: _Optional[str] = ..., task_id: _Optional[str] = ..., enrollment_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., workflow: _Optional[str] = ..., step: _Optional[str] = ..., title: _Optional[str] = ..., reason: _Optional[_Union[AssignmentReason, str]] = ..., assign_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., ending: _Optional[_Union[AssignmentEnding, str]] = ...) -> None: ...

class Notification(_message.Message):
    __slots__ = ("sequence", "agent_id", "kind", "task_id", "enrollment_id", "contact_id", "workflow", "step", "title", "message", "time")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    AGENT_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    TITLE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    agent_id: str
    kind: NotificationKind
    task_id: str
    enrollment_id: str
    contact_id: str
    workflow: str
    step: str
    title: str
    message: str
    time: _timestamp_pb2.Timestamp
    def __init__(self, sequence: _Optional[int] = ..., agent_id: _Optional[str] = ..., kind: _Optional[_Union[NotificationKind, str]] = ..., task_id: _Optional[str] = ..., enrollment_id: _Optional[str] = ..., contact_id: _Optional[str] = ..., workflow: _Optional[str] = ..., step: _Optional[str] = ..., title: _Optional[str] = ..., message: _Optional[str] = ..., time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
