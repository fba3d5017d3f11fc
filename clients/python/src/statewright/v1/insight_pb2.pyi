from statewright.v1 import enrollment_pb2 as _enrollment_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class FunnelStep(_message.Message):
    __slots__ = ("step", "step_type", "entered", "waiting", "passed", "exited", "failed", "cancelled", "enrollments", "converted", "removed")
    STEP_FIELD_NUMBER: _ClassVar[int]
    STEP_TYPE_FIELD_NUMBER: _ClassVar[int]
    ENTERED_FIELD_NUMBER: _ClassVar[int]
    WAITING_FIELD_NUMBER: _ClassVar[int]
    PASSED_FIELD_NUMBER: _ClassVar[int]
    EXITED_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    step: str
    step_type: str
    entered: int
    waiting: int
    passed: int
    exited: int
    failed: int
    cancelled: int
    enrollments: int
    converted: int
    removed: bool
    def __init__(self, step: _Optional[str] = ..., step_type: _Optional[str] = ..., entered: _Optional[int] = ..., waiting: _Optional[int] = ..., passed: _Optional[int] = ..., exited: _Optional[int] = ..., failed: _Optional[int] = ..., cancelled: _Optional[int] = ..., enrollments: _Optional[int] = ..., converted: _Optional[int] = ..., removed: bool = ...) -> None: ...

class RateInterval(_message.Message):
    __slots__ = ("low", "high")
    LOW_FIELD_NUMBER: _ClassVar[int]
    HIGH_FIELD_NUMBER: _ClassVar[int]
    low: float
    high: float
    def __init__(self, low: _Optional[float] = ..., high: _Optional[float] = ...) -> None: ...

class ExperimentVariant(_message.Message):
    __slots__ = ("variant", "share", "entered", "converted", "rate", "rate_interval", "goals", "control", "difference", "difference_interval", "lift", "p_value", "significant", "removed")
    VARIANT_FIELD_NUMBER: _ClassVar[int]
    SHARE_FIELD_NUMBER: _ClassVar[int]
    ENTERED_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    RATE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    LIFT_FIELD_NUMBER: _ClassVar[int]
    P_VALUE_FIELD_NUMBER: _ClassVar[int]
    SIGNIFICANT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    variant: str
    share: int
    entered: int
    converted: int
    rate: float
    rate_interval: RateInterval
    goals: _containers.RepeatedCompositeFieldContainer[NamedCount]
    control: bool
    difference: float
    difference_interval: RateInterval
    lift: float
    p_value: float
    significant: bool
    removed: bool
    def __init__(self, variant: _Optional[str] = ..., share: _Optional[int] = ..., entered: _Optional[int] = ..., converted: _Optional[int] = ..., rate: _Optional[float] = ..., rate_interval: _Optional[_Union[RateInterval, _Mapping]] = ..., goals: _Optional[_Iterable[_Union[NamedCount, _Mapping]]] = ..., control: bool = ..., difference: _Optional[float] = ..., difference_interval: _Optional[_Union[RateInterval, _Mapping]] = ..., lift: _Optional[float] = ..., p_value: _Optional[float] = ..., significant: bool = ..., removed: bool = ...) -> None: ...

class NamedCount(_message.Message):
    __slots__ = ("name", "count")
    NAME_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    name: str
    count: int
    def __init__(self, name: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class WorkflowStats(_message.Message):
    __slots__ = ("workflow", "total", "statuses", "exit_reasons", "goals", "errors", "converted")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    EXIT_REASONS_FIELD_NUMBER: _ClassVar[int]
    GOALS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    workflow: str
    total: int
    statuses: _containers.RepeatedCompositeFieldContainer[_enrollment_pb2.StatusCount]
    exit_reasons: _containers.RepeatedCompositeFieldContainer[NamedCount]
    goals: _containers.RepeatedCompositeFieldContainer[NamedCount]
    errors: _containers.RepeatedCompositeFieldContainer[NamedCount]
    converted: int
    def __init__(self, workflow: _Optional[str] = ..., total: _Optional[int] = ..., statuses: _Optional[_Iterable[_Union[_enrollment_pb2.StatusCount, _Mapping]]] = ..., exit_reasons: _Optional[_Iterable[_Union[NamedCount, _Mapping]]] = ..., goals: _Optional[_Iterable[_Union[NamedCount, _Mapping]]] = ..., errors: _Optional[_Iterable[_Union[NamedCount, _Mapping]]] = ..., converted: _Optional[int] = ...) -> None: ...
