from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class DifferencePart(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIFFERENCE_PART_UNSPECIFIED: _ClassVar[DifferencePart]
    DIFFERENCE_PART_SETTING: _ClassVar[DifferencePart]
    DIFFERENCE_PART_TRIGGER: _ClassVar[DifferencePart]
    DIFFERENCE_PART_ENTRY: _ClassVar[DifferencePart]
    DIFFERENCE_PART_EXIT: _ClassVar[DifferencePart]
    DIFFERENCE_PART_STEP: _ClassVar[DifferencePart]
    DIFFERENCE_PART_EDGE: _ClassVar[DifferencePart]

class DifferenceKind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DIFFERENCE_KIND_UNSPECIFIED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_ADDED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_REMOVED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_CHANGED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_RENAMED: _ClassVar[DifferenceKind]
    DIFFERENCE_KIND_MOVED: _ClassVar[DifferenceKind]
DIFFERENCE_PART_UNSPECIFIED: DifferencePart
DIFFERENCE_PART_SETTING: DifferencePart
DIFFERENCE_PART_TRIGGER: DifferencePart
DIFFERENCE_PART_ENTRY: DifferencePart
DIFFERENCE_PART_EXIT: DifferencePart
DIFFERENCE_PART_STEP: DifferencePart
DIFFERENCE_PART_EDGE: DifferencePart
DIFFERENCE_KIND_UNSPECIFIED: DifferenceKind
DIFFERENCE_KIND_ADDED: DifferenceKind
DIFFERENCE_KIND_REMOVED: DifferenceKind
DIFFERENCE_KIND_CHANGED: DifferenceKind
DIFFERENCE_KIND_RENAMED: DifferenceKind
DIFFERENCE_KIND_MOVED: DifferenceKind

class Difference(_message.Message):
    __slots__ = ("part", "kind", "name", "path", "old_value", "new_value", "text")
    PART_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    OLD_VALUE_FIELD_NUMBER: _ClassVar[int]
    NEW_VALUE_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    part: DifferencePart
    kind: DifferenceKind
    name: str
    path: str
    old_value: _struct_pb2.Value
    new_value: _struct_pb2.Value
    text: str
    def __init__(self, part: _Optional[_Union[DifferencePart, str]] = ..., kind: _Optional[_Union[DifferenceKind, str]] = ..., name: _Optional[str] = ..., path: _Optional[str] = ..., old_value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., new_value: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., text: _Optional[str] = ...) -> None: ...
