from statewright.v1 import outbox_pb2 as _outbox_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OutboxServiceListRequest(_message.Message):
    __slots__ = ("contact_id", "workflow", "page_size", "page_token", "enrollment_id")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    workflow: str
    page_size: int
    page_token: str
    enrollment_id: str
    def __init__(self, contact_id: _Optional[str] = ..., workflow: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., enrollment_id: _Optional[str] = ...) -> None: ...

class OutboxServiceListResponse(_message.Message):
    __slots__ = ("messages", "next_page_token")
    MESSAGES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    messages: _containers.RepeatedCompositeFieldContainer[_outbox_pb2.OutboxMessage]
    next_page_token: str
    def __init__(self, messages: _Optional[_Iterable[_Union[_outbox_pb2.OutboxMessage, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...
