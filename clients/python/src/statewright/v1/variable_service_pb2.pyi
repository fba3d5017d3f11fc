import datetime

from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class VariableScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    VARIABLE_SCOPE_UNSPECIFIED: _ClassVar[VariableScope]
    VARIABLE_SCOPE_GLOBAL: _ClassVar[VariableScope]
    VARIABLE_SCOPE_CONVERSATION: _ClassVar[VariableScope]
VARIABLE_SCOPE_UNSPECIFIED: VariableScope
VARIABLE_SCOPE_GLOBAL: VariableScope
VARIABLE_SCOPE_CONVERSATION: VariableScope

class Variable(_message.Message):
    __slots__ = ("scope", "conversation_id", "name", "value", "update_time")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    UPDATE_TIME_FIELD_NUMBER: _ClassVar[int]
    scope: VariableScope
    conversation_id: str
    name: str
    value: _struct_pb2.Value
    update_time: _timestamp_pb2.Timestamp
    def __init__(self, scope: _Optional[_Union[VariableScope, str]] = ..., conversation_id: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., update_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class VariableServiceGetRequest(_message.Message):
    __slots__ = ("scope", "conversation_id", "name")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    scope: VariableScope
    conversation_id: str
    name: str
    def __init__(self, scope: _Optional[_Union[VariableScope, str]] = ..., conversation_id: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class VariableServiceGetResponse(_message.Message):
    __slots__ = ("variable",)
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    variable: Variable
    def __init__(self, variable: _Optional[_Union[Variable, _Mapping]] = ...) -> None: ...

class VariableServiceSetRequest(_message.Message):
    __slots__ = ("scope", "conversation_id", "name", "value", "request_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    scope: VariableScope
    conversation_id: str
    name: str
    value: _struct_pb2.Value
    request_id: str
    def __init__(self, scope: _Optional[_Union[VariableScope, str]] = ..., conversation_id: _Optional[str] = ..., name: _Optional[str] = ..., value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., request_id: _Optional[str] = ...) -> None: ...

class VariableServiceSetResponse(_message.Message):
    __slots__ = ("variable",)
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    variable: Variable
    def __init__(self, variable: _Optional[_Union[Variable, _Mapping]] = ...) -> None: ...

class VariableServiceListRequest(_message.Message):
    __slots__ = ("scope", "conversation_id", "page_size", "page_token")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    scope: VariableScope
    conversation_id: str
    page_size: int
    page_token: str
    def __init__(self, scope: _Optional[_Union[VariableScope, str]] = ..., conversation_id: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class VariableServiceListResponse(_message.Message):
    __slots__ = ("variables", "next_page_token")
    VARIABLES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    variables: _containers.RepeatedCompositeFieldContainer[Variable]
    next_page_token: str
    def __init__(self, variables: _Optional[_Iterable[_Union[Variable, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class VariableServiceDeleteRequest(_message.Message):
    __slots__ = ("scope", "conversation_id", "name", "request_id")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CONVERSATION_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    scope: VariableScope
    conversation_id: str
    name: str
    request_id: str
    def __init__(self, scope: _Optional[_Union[VariableScope, str]] = ..., conversation_id: _Optional[str] = ..., name: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class VariableServiceDeleteResponse(_message.Message):
    __slots__ = ("variable",)
    VARIABLE_FIELD_NUMBER: _ClassVar[int]
    variable: Variable
    def __init__(self, variable: _Optional[_Union[Variable, _Mapping]] = ...) -> None: ...
