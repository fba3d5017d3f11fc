import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from statewright.v1 import enrollment_pb2 as _enrollment_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkflowStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKFLOW_STATUS_UNSPECIFIED: _ClassVar[WorkflowStatus]
    WORKFLOW_STATUS_ACTIVE: _ClassVar[WorkflowStatus]
    WORKFLOW_STATUS_PAUSED: _ClassVar[WorkflowStatus]
    WORKFLOW_STATUS_DELETED: _ClassVar[WorkflowStatus]

class DefinitionFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DEFINITION_FORMAT_UNSPECIFIED: _ClassVar[DefinitionFormat]
    DEFINITION_FORMAT_YAML: _ClassVar[DefinitionFormat]
    DEFINITION_FORMAT_JSON: _ClassVar[DefinitionFormat]
    DEFINITION_FORMAT_CANVAS: _ClassVar[DefinitionFormat]

class RenderFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RENDER_FORMAT_UNSPECIFIED: _ClassVar[RenderFormat]
    RENDER_FORMAT_MERMAID: _ClassVar[RenderFormat]
    RENDER_FORMAT_SVG: _ClassVar[RenderFormat]
WORKFLOW_STATUS_UNSPECIFIED: WorkflowStatus
WORKFLOW_STATUS_ACTIVE: WorkflowStatus
WORKFLOW_STATUS_PAUSED: WorkflowStatus
WORKFLOW_STATUS_DELETED: WorkflowStatus
DEFINITION_FORMAT_UNSPECIFIED: DefinitionFormat
DEFINITION_FORMAT_YAML: DefinitionFormat
DEFINITION_FORMAT_JSON: DefinitionFormat
DEFINITION_FORMAT_CANVAS: DefinitionFormat
RENDER_FORMAT_UNSPECIFIED: RenderFormat
RENDER_FORMAT_MERMAID: RenderFormat
RENDER_FORMAT_SVG: RenderFormat

class Workflow(_message.Message):
    __slots__ = ("key", "name", "description", "active_version", "status", "latest_version", "counts", "create_time", "update_time", "revision", "pause_time", "pause_timers", "pause_events")
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_VERSION_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LATEST_VERSION_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIME_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    PAUSE_TIME_FIELD_NUMBER: _ClassVar[int]
    PAUSE_TIMERS_FIELD_NUMBER: _ClassVar[int]
    PAUSE_EVENTS_FIELD_NUMBER: _ClassVar[int]
    key: str
    name: str
    description: str
    active_version: int
    status: WorkflowStatus
    latest_version: int
    counts: _enrollment_pb2.EnrollmentCounts
    create_time: _timestamp_pb2.Timestamp
    update_time: _timestamp_pb2.Timestamp
    revision: int
    pause_time: _timestamp_pb2.Timestamp
    pause_timers: _enrollment_pb2.PauseTimers
    pause_events: _enrollment_pb2.PauseEvents
    def __init__(self, key: _Optional[str] = ..., name: _Optional[str] = ..., description: _Optional[str] = ..., active_version: _Optional[int] = ..., status: _Optional[_Union[WorkflowStatus, str]] = ..., latest_version: _Optional[int] = ..., counts: _Optional[_Union[_enrollment_pb2.EnrollmentCounts, _Mapping]] = ..., create_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., revision: _Optional[int] = ..., pause_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., pause_timers: _Optional[_Union[_enrollment_pb2.PauseTimers, str]] = ..., pause_events: _Optional[_Union[_enrollment_pb2.PauseEvents, str]] = ...) -> None: ...

class WorkflowVersion(_message.Message):
    __slots__ = ("workflow", "number", "format", "source", "definition", "publish_time", "active", "label")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    DEFINITION_FIELD_NUMBER: _ClassVar[int]
    PUBLISH_TIME_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    LABEL_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    number: int
    format: DefinitionFormat
    source: str
    definition: _struct_pb2.Struct
    publish_time: _timestamp_pb2.Timestamp
    active: bool
    label: str
    def __init__(self, workflow: _Optional[str] = ..., number: _Optional[int] = ..., format: _Optional[_Union[DefinitionFormat, str]] = ..., source: _Optional[str] = ..., definition: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., publish_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., active: bool = ..., label: _Optional[str] = ...) -> None: ...
