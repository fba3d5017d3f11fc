import datetime

from google.protobuf import field_mask_pb2 as _field_mask_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.rpc import status_pb2 as _status_pb2
from statewright.v1 import contact_pb2 as _contact_pb2
from statewright.v1 import conversation_pb2 as _conversation_pb2
from statewright.v1 import event_pb2 as _event_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class UpsertRequest(_message.Message):
    __slots__ = ("contact", "update_mask", "emit", "expected_revision", "request_id")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    UPDATE_MASK_FIELD_NUMBER: _ClassVar[int]
    EMIT_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    contact: _contact_pb2.Contact
    update_mask: _field_mask_pb2.FieldMask
    emit: bool
    expected_revision: int
    request_id: str
    def __init__(self, contact: _Optional[_Union[_contact_pb2.Contact, _Mapping]] = ..., update_mask: _Optional[_Union[_field_mask_pb2.FieldMask, _Mapping]] = ..., emit: bool = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class UpsertResponse(_message.Message):
    __slots__ = ("contact", "created", "changed")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    contact: _contact_pb2.Contact
    created: bool
    changed: bool
    def __init__(self, contact: _Optional[_Union[_contact_pb2.Contact, _Mapping]] = ..., created: bool = ..., changed: bool = ...) -> None: ...

class UpsertBatchRequest(_message.Message):
    __slots__ = ("requests",)
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[UpsertRequest]
    def __init__(self, requests: _Optional[_Iterable[_Union[UpsertRequest, _Mapping]]] = ...) -> None: ...

class UpsertResult(_message.Message):
    __slots__ = ("upserted", "error")
    UPSERTED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    upserted: UpsertResponse
    error: _status_pb2.Status
    def __init__(self, upserted: _Optional[_Union[UpsertResponse, _Mapping]] = ..., error: _Optional[_Union[_status_pb2.Status, _Mapping]] = ...) -> None: ...

class UpsertBatchResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[UpsertResult]
    def __init__(self, results: _Optional[_Iterable[_Union[UpsertResult, _Mapping]]] = ...) -> None: ...

class ContactServiceGetRequest(_message.Message):
    __slots__ = ("contact_id",)
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    def __init__(self, contact_id: _Optional[str] = ...) -> None: ...

class ContactServiceGetResponse(_message.Message):
    __slots__ = ("contact",)
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    contact: _contact_pb2.Contact
    def __init__(self, contact: _Optional[_Union[_contact_pb2.Contact, _Mapping]] = ...) -> None: ...

class ContactServiceListRequest(_message.Message):
    __slots__ = ("tag", "list", "email", "phone", "page_size", "page_token")
    TAG_FIELD_NUMBER: _ClassVar[int]
    LIST_FIELD_NUMBER: _ClassVar[int]
    EMAIL_FIELD_NUMBER: _ClassVar[int]
    PHONE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    tag: str
    list: str
    email: str
    phone: str
    page_size: int
    page_token: str
    def __init__(self, tag: _Optional[str] = ..., list: _Optional[str] = ..., email: _Optional[str] = ..., phone: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ContactServiceListResponse(_message.Message):
    __slots__ = ("contacts", "next_page_token")
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contacts: _containers.RepeatedCompositeFieldContainer[_contact_pb2.Contact]
    next_page_token: str
    def __init__(self, contacts: _Optional[_Iterable[_Union[_contact_pb2.Contact, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ChangeTagsRequest(_message.Message):
    __slots__ = ("contact_id", "add", "remove", "emit", "request_id", "expected_revision")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    ADD_FIELD_NUMBER: _ClassVar[int]
    REMOVE_FIELD_NUMBER: _ClassVar[int]
    EMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    add: _containers.RepeatedScalarFieldContainer[str]
    remove: _containers.RepeatedScalarFieldContainer[str]
    emit: bool
    request_id: str
    expected_revision: int
    def __init__(self, contact_id: _Optional[str] = ..., add: _Optional[_Iterable[str]] = ..., remove: _Optional[_Iterable[str]] = ..., emit: bool = ..., request_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class ChangeTagsResponse(_message.Message):
    __slots__ = ("contact", "changed")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    contact: _contact_pb2.Contact
    changed: bool
    def __init__(self, contact: _Optional[_Union[_contact_pb2.Contact, _Mapping]] = ..., changed: bool = ...) -> None: ...

class SetConsentRequest(_message.Message):
    __slots__ = ("contact_id", "consents", "do_not_contact", "source", "said_time", "emit", "request_id", "expected_revision")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CONSENTS_FIELD_NUMBER: _ClassVar[int]
    DO_NOT_CONTACT_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SAID_TIME_FIELD_NUMBER: _ClassVar[int]
    EMIT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    consents: _containers.RepeatedCompositeFieldContainer[_contact_pb2.ChannelConsent]
    do_not_contact: bool
    source: str
    said_time: _timestamp_pb2.Timestamp
    emit: bool
    request_id: str
    expected_revision: int
    def __init__(self, contact_id: _Optional[str] = ..., consents: _Optional[_Iterable[_Union[_contact_pb2.ChannelConsent, _Mapping]]] = ..., do_not_contact: bool = ..., source: _Optional[str] = ..., said_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., emit: bool = ..., request_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class SetConsentResponse(_message.Message):
    __slots__ = ("contact", "changed")
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    contact: _contact_pb2.Contact
    changed: bool
    def __init__(self, contact: _Optional[_Union[_contact_pb2.Contact, _Mapping]] = ..., changed: bool = ...) -> None: ...

class GetConversationRequest(_message.Message):
    __slots__ = ("conversation_id",)
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    def __init__(self, conversation_id: _Optional[str] = ...) -> None: ...

class GetConversationResponse(_message.Message):
    __slots__ = ("conversation",)
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    conversation: _conversation_pb2.Conversation
    def __init__(self, conversation: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ...) -> None: ...

class ListConversationsRequest(_message.Message):
    __slots__ = ("contact_id", "status", "tag", "channel", "page_size", "page_token")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TAG_FIELD_NUMBER: _ClassVar[int]
    CHANNEL_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    status: _conversation_pb2.ConversationStatus
    tag: str
    channel: str
    page_size: int
    page_token: str
    def __init__(self, contact_id: _Optional[str] = ..., status: _Optional[_Union[_conversation_pb2.ConversationStatus, str]] = ..., tag: _Optional[str] = ..., channel: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListConversationsResponse(_message.Message):
    __slots__ = ("conversations", "next_page_token")
    CONVERSATIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    conversations: _containers.RepeatedCompositeFieldContainer[_conversation_pb2.Conversation]
    next_page_token: str
    def __init__(self, conversations: _Optional[_Iterable[_Union[_conversation_pb2.Conversation, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CloseConversationRequest(_message.Message):
    __slots__ = ("conversation_id", "expected_revision", "request_id")
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    conversation_id: str
    expected_revision: int
    request_id: str
    def __init__(self, conversation_id: _Optional[str] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class CloseConversationResponse(_message.Message):
    __slots__ = ("conversation", "changed")
    CONVERSATION_FIELD_NUMBER: _ClassVar[int]
    CHANGED_FIELD_NUMBER: _ClassVar[int]
    conversation: _conversation_pb2.Conversation
    changed: bool
    def __init__(self, conversation: _Optional[_Union[_conversation_pb2.Conversation, _Mapping]] = ..., changed: bool = ...) -> None: ...

class ListEventsRequest(_message.Message):
    __slots__ = ("contact_id", "types", "source", "conversation_id", "accept_time_from", "accept_time_before", "page_size", "page_token")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    types: _containers.RepeatedScalarFieldContainer[str]
    source: str
    conversation_id: str
    accept_time_from: _timestamp_pb2.Timestamp
    accept_time_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, contact_id: _Optional[str] = ..., types: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., conversation_id: _Optional[str] = ..., accept_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., accept_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListEventsResponse(_message.Message):
    __slots__ = ("events", "next_page_token")
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedCompositeFieldContainer[_event_pb2.LoggedEvent]
    next_page_token: str
    def __init__(self, events: _Optional[_Iterable[_Union[_event_pb2.LoggedEvent, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class CountEventsRequest(_message.Message):
    __slots__ = ("contact_id", "types", "source", "conversation_id", "accept_time_from", "accept_time_before")
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    contact_id: str
    types: _containers.RepeatedScalarFieldContainer[str]
    source: str
    conversation_id: str
    accept_time_from: _timestamp_pb2.Timestamp
    accept_time_before: _timestamp_pb2.Timestamp
    def __init__(self, contact_id: _Optional[str] = ..., types: _Optional[_Iterable[str]] = ..., source: _Optional[str] = ..., conversation_id: _Optional[str] = ..., accept_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., accept_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CountEventsResponse(_message.Message):
    __slots__ = ("total", "types")
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    TYPES_FIELD_NUMBER: _ClassVar[int]
    total: int
    types: _containers.RepeatedCompositeFieldContainer[EventTypeCount]
    def __init__(self, total: _Optional[int] = ..., types: _Optional[_Iterable[_Union[EventTypeCount, _Mapping]]] = ...) -> None: ...

class EventTypeCount(_message.Message):
    __slots__ = ("type", "count")
    TYPE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    type: str
    count: int
    def __init__(self, type: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...
