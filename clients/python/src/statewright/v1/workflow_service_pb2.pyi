import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from statewright.v1 import contact_pb2 as _contact_pb2
from statewright.v1 import difference_pb2 as _difference_pb2
from statewright.v1 import enrollment_pb2 as _enrollment_pb2
from statewright.v1 import insight_pb2 as _insight_pb2
from statewright.v1 import migration_pb2 as _migration_pb2
from statewright.v1 import problem_pb2 as _problem_pb2
from statewright.v1 import simulation_pb2 as _simulation_pb2
from statewright.v1 import workflow_pb2 as _workflow_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ValidateRequest(_message.Message):
    __slots__ = ("source", "format", "lenient", "key", "name")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    source: str
    format: _workflow_pb2.DefinitionFormat
    lenient: bool
    key: str
    name: str
    def __init__(self, source: _Optional[str] = ..., format: _Optional[_Union[_workflow_pb2.DefinitionFormat, str]] = ..., lenient: bool = ..., key: _Optional[str] = ..., name: _Optional[str] = ...) -> None: ...

class ValidateResponse(_message.Message):
    __slots__ = ("valid", "problems")
    VALID_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    valid: bool
    problems: _containers.RepeatedCompositeFieldContainer[_problem_pb2.Problem]
    def __init__(self, valid: bool = ..., problems: _Optional[_Iterable[_Union[_problem_pb2.Problem, _Mapping]]] = ...) -> None: ...

class PublishRequest(_message.Message):
    __slots__ = ("source", "format", "key", "name", "activate", "validate_only", "lenient", "request_id", "expected_revision")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    ACTIVATE_FIELD_NUMBER: _ClassVar[int]
    VALIDATE_ONLY_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    source: str
    format: _workflow_pb2.DefinitionFormat
    key: str
    name: str
    activate: bool
    validate_only: bool
    lenient: bool
    request_id: str
    expected_revision: int
    def __init__(self, source: _Optional[str] = ..., format: _Optional[_Union[_workflow_pb2.DefinitionFormat, str]] = ..., key: _Optional[str] = ..., name: _Optional[str] = ..., activate: bool = ..., validate_only: bool = ..., lenient: bool = ..., request_id: _Optional[str] = ..., expected_revision: _Optional[int] = ...) -> None: ...

class PublishResponse(_message.Message):
    __slots__ = ("workflow", "version", "problems", "created", "activated")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    CREATED_FIELD_NUMBER: _ClassVar[int]
    ACTIVATED_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    version: _workflow_pb2.WorkflowVersion
    problems: _containers.RepeatedCompositeFieldContainer[_problem_pb2.Problem]
    created: bool
    activated: bool
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ..., version: _Optional[_Union[_workflow_pb2.WorkflowVersion, _Mapping]] = ..., problems: _Optional[_Iterable[_Union[_problem_pb2.Problem, _Mapping]]] = ..., created: bool = ..., activated: bool = ...) -> None: ...

class WorkflowServiceGetRequest(_message.Message):
    __slots__ = ("key", "version")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class WorkflowServiceGetResponse(_message.Message):
    __slots__ = ("workflow", "version")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    version: _workflow_pb2.WorkflowVersion
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ..., version: _Optional[_Union[_workflow_pb2.WorkflowVersion, _Mapping]] = ...) -> None: ...

class WorkflowServiceListRequest(_message.Message):
    __slots__ = ("status", "page_size", "page_token", "trigger_type")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TRIGGER_TYPE_FIELD_NUMBER: _ClassVar[int]
    status: _containers.RepeatedScalarFieldContainer[_workflow_pb2.WorkflowStatus]
    page_size: int
    page_token: str
    trigger_type: str
    def __init__(self, status: _Optional[_Iterable[_Union[_workflow_pb2.WorkflowStatus, str]]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ..., trigger_type: _Optional[str] = ...) -> None: ...

class WorkflowServiceListResponse(_message.Message):
    __slots__ = ("workflows", "next_page_token")
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workflows: _containers.RepeatedCompositeFieldContainer[_workflow_pb2.Workflow]
    next_page_token: str
    def __init__(self, workflows: _Optional[_Iterable[_Union[_workflow_pb2.Workflow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ("key", "page_size", "page_token")
    KEY_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    key: str
    page_size: int
    page_token: str
    def __init__(self, key: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListVersionsResponse(_message.Message):
    __slots__ = ("versions", "next_page_token")
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[_workflow_pb2.WorkflowVersion]
    next_page_token: str
    def __init__(self, versions: _Optional[_Iterable[_Union[_workflow_pb2.WorkflowVersion, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ActivateRequest(_message.Message):
    __slots__ = ("key", "version", "expected_revision", "request_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    expected_revision: int
    request_id: str
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class ActivateResponse(_message.Message):
    __slots__ = ("workflow",)
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ...) -> None: ...

class WorkflowServicePauseRequest(_message.Message):
    __slots__ = ("key", "timers", "expected_revision", "request_id", "events")
    KEY_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    key: str
    timers: _enrollment_pb2.PauseTimers
    expected_revision: int
    request_id: str
    events: _enrollment_pb2.PauseEvents
    def __init__(self, key: _Optional[str] = ..., timers: _Optional[_Union[_enrollment_pb2.PauseTimers, str]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ..., events: _Optional[_Union[_enrollment_pb2.PauseEvents, str]] = ...) -> None: ...

class WorkflowServicePauseResponse(_message.Message):
    __slots__ = ("workflow",)
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ...) -> None: ...

class WorkflowServiceResumeRequest(_message.Message):
    __slots__ = ("key", "expected_revision", "request_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    expected_revision: int
    request_id: str
    def __init__(self, key: _Optional[str] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class WorkflowServiceResumeResponse(_message.Message):
    __slots__ = ("workflow",)
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ...) -> None: ...

class WorkflowServiceExportRequest(_message.Message):
    __slots__ = ("key", "version", "format")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    format: _workflow_pb2.DefinitionFormat
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., format: _Optional[_Union[_workflow_pb2.DefinitionFormat, str]] = ...) -> None: ...

class WorkflowServiceExportResponse(_message.Message):
    __slots__ = ("source", "format", "version")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    source: str
    format: _workflow_pb2.DefinitionFormat
    version: int
    def __init__(self, source: _Optional[str] = ..., format: _Optional[_Union[_workflow_pb2.DefinitionFormat, str]] = ..., version: _Optional[int] = ...) -> None: ...

class RenderRequest(_message.Message):
    __slots__ = ("key", "source", "version", "format", "with_counts", "enrollment_id", "lenient")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    WITH_COUNTS_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENT_ID_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    key: str
    source: str
    version: int
    format: _workflow_pb2.RenderFormat
    with_counts: bool
    enrollment_id: str
    lenient: bool
    def __init__(self, key: _Optional[str] = ..., source: _Optional[str] = ..., version: _Optional[int] = ..., format: _Optional[_Union[_workflow_pb2.RenderFormat, str]] = ..., with_counts: bool = ..., enrollment_id: _Optional[str] = ..., lenient: bool = ...) -> None: ...

class RenderResponse(_message.Message):
    __slots__ = ("text", "format", "inner")
    TEXT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    INNER_FIELD_NUMBER: _ClassVar[int]
    text: str
    format: _workflow_pb2.RenderFormat
    inner: _containers.RepeatedCompositeFieldContainer[InnerWorkflow]
    def __init__(self, text: _Optional[str] = ..., format: _Optional[_Union[_workflow_pb2.RenderFormat, str]] = ..., inner: _Optional[_Iterable[_Union[InnerWorkflow, _Mapping]]] = ...) -> None: ...

class InnerWorkflow(_message.Message):
    __slots__ = ("step", "workflow", "version")
    STEP_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    step: str
    workflow: str
    version: int
    def __init__(self, step: _Optional[str] = ..., workflow: _Optional[str] = ..., version: _Optional[int] = ...) -> None: ...

class DiffRequest(_message.Message):
    __slots__ = ("key", "from_version", "to_version")
    KEY_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    key: str
    from_version: int
    to_version: int
    def __init__(self, key: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ...) -> None: ...

class DiffResponse(_message.Message):
    __slots__ = ("from_version", "to_version", "differences")
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    from_version: int
    to_version: int
    differences: _containers.RepeatedCompositeFieldContainer[_difference_pb2.Difference]
    def __init__(self, from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., differences: _Optional[_Iterable[_Union[_difference_pb2.Difference, _Mapping]]] = ...) -> None: ...

class PlanMigrationRequest(_message.Message):
    __slots__ = ("key", "from_version", "to_version", "mapping", "timers", "include_failed")
    class MappingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FAILED_FIELD_NUMBER: _ClassVar[int]
    key: str
    from_version: int
    to_version: int
    mapping: _containers.ScalarMap[str, str]
    timers: _migration_pb2.MigrationTimers
    include_failed: bool
    def __init__(self, key: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., mapping: _Optional[_Mapping[str, str]] = ..., timers: _Optional[_Union[_migration_pb2.MigrationTimers, str]] = ..., include_failed: bool = ...) -> None: ...

class PlanMigrationResponse(_message.Message):
    __slots__ = ("from_version", "to_version", "groups", "total", "unchanged", "mapped", "needs_mapping", "impossible", "mapping")
    class MappingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    MAPPED_FIELD_NUMBER: _ClassVar[int]
    NEEDS_MAPPING_FIELD_NUMBER: _ClassVar[int]
    IMPOSSIBLE_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    from_version: int
    to_version: int
    groups: _containers.RepeatedCompositeFieldContainer[_migration_pb2.MigrationGroup]
    total: int
    unchanged: int
    mapped: int
    needs_mapping: int
    impossible: int
    mapping: _containers.ScalarMap[str, str]
    def __init__(self, from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[_migration_pb2.MigrationGroup, _Mapping]]] = ..., total: _Optional[int] = ..., unchanged: _Optional[int] = ..., mapped: _Optional[int] = ..., needs_mapping: _Optional[int] = ..., impossible: _Optional[int] = ..., mapping: _Optional[_Mapping[str, str]] = ...) -> None: ...

class ApplyMigrationRequest(_message.Message):
    __slots__ = ("key", "from_version", "to_version", "mapping", "timers", "dry_run", "rate", "request_id", "include_failed")
    class MappingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    MAPPING_FIELD_NUMBER: _ClassVar[int]
    TIMERS_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    RATE_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    INCLUDE_FAILED_FIELD_NUMBER: _ClassVar[int]
    key: str
    from_version: int
    to_version: int
    mapping: _containers.ScalarMap[str, str]
    timers: _migration_pb2.MigrationTimers
    dry_run: bool
    rate: int
    request_id: str
    include_failed: bool
    def __init__(self, key: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., mapping: _Optional[_Mapping[str, str]] = ..., timers: _Optional[_Union[_migration_pb2.MigrationTimers, str]] = ..., dry_run: bool = ..., rate: _Optional[int] = ..., request_id: _Optional[str] = ..., include_failed: bool = ...) -> None: ...

class ApplyMigrationResponse(_message.Message):
    __slots__ = ("request_id", "from_version", "to_version", "total", "migrated", "left", "groups", "done")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    FROM_VERSION_FIELD_NUMBER: _ClassVar[int]
    TO_VERSION_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    MIGRATED_FIELD_NUMBER: _ClassVar[int]
    LEFT_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    DONE_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    from_version: int
    to_version: int
    total: int
    migrated: int
    left: int
    groups: _containers.RepeatedCompositeFieldContainer[_migration_pb2.MigrationGroup]
    done: bool
    def __init__(self, request_id: _Optional[str] = ..., from_version: _Optional[int] = ..., to_version: _Optional[int] = ..., total: _Optional[int] = ..., migrated: _Optional[int] = ..., left: _Optional[int] = ..., groups: _Optional[_Iterable[_Union[_migration_pb2.MigrationGroup, _Mapping]]] = ..., done: bool = ...) -> None: ...

class WorkflowServiceDeleteRequest(_message.Message):
    __slots__ = ("key", "force", "expected_revision", "request_id")
    KEY_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    force: bool
    expected_revision: int
    request_id: str
    def __init__(self, key: _Optional[str] = ..., force: bool = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class WorkflowServiceDeleteResponse(_message.Message):
    __slots__ = ("workflow", "cancelled")
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    cancelled: int
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ..., cancelled: _Optional[int] = ...) -> None: ...

class SimulateRequest(_message.Message):
    __slots__ = ("key", "source", "version", "lenient", "with_keys", "with_sources", "start_time", "contact_id", "contact", "contacts", "events", "results", "max_duration", "max_transitions")
    KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    WITH_KEYS_FIELD_NUMBER: _ClassVar[int]
    WITH_SOURCES_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FIELD_NUMBER: _ClassVar[int]
    CONTACT_ID_FIELD_NUMBER: _ClassVar[int]
    CONTACT_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    MAX_DURATION_FIELD_NUMBER: _ClassVar[int]
    MAX_TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    key: str
    source: str
    version: int
    lenient: bool
    with_keys: _containers.RepeatedScalarFieldContainer[str]
    with_sources: _containers.RepeatedScalarFieldContainer[str]
    start_time: _timestamp_pb2.Timestamp
    contact_id: str
    contact: _struct_pb2.Struct
    contacts: _struct_pb2.Struct
    events: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.ScriptedEvent]
    results: _struct_pb2.Struct
    max_duration: _duration_pb2.Duration
    max_transitions: int
    def __init__(self, key: _Optional[str] = ..., source: _Optional[str] = ..., version: _Optional[int] = ..., lenient: bool = ..., with_keys: _Optional[_Iterable[str]] = ..., with_sources: _Optional[_Iterable[str]] = ..., start_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., contact_id: _Optional[str] = ..., contact: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., contacts: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., events: _Optional[_Iterable[_Union[_simulation_pb2.ScriptedEvent, _Mapping]]] = ..., results: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., max_duration: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., max_transitions: _Optional[int] = ...) -> None: ...

class SimulateResponse(_message.Message):
    __slots__ = ("timeline", "enrollments", "contacts", "attempts", "end", "end_time", "transitions")
    TIMELINE_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    CONTACTS_FIELD_NUMBER: _ClassVar[int]
    ATTEMPTS_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    END_TIME_FIELD_NUMBER: _ClassVar[int]
    TRANSITIONS_FIELD_NUMBER: _ClassVar[int]
    timeline: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.SimulatedMoment]
    enrollments: _containers.RepeatedCompositeFieldContainer[_enrollment_pb2.Enrollment]
    contacts: _containers.RepeatedCompositeFieldContainer[_contact_pb2.Contact]
    attempts: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.SimulatedAttempt]
    end: _simulation_pb2.SimulationEnd
    end_time: _timestamp_pb2.Timestamp
    transitions: int
    def __init__(self, timeline: _Optional[_Iterable[_Union[_simulation_pb2.SimulatedMoment, _Mapping]]] = ..., enrollments: _Optional[_Iterable[_Union[_enrollment_pb2.Enrollment, _Mapping]]] = ..., contacts: _Optional[_Iterable[_Union[_contact_pb2.Contact, _Mapping]]] = ..., attempts: _Optional[_Iterable[_Union[_simulation_pb2.SimulatedAttempt, _Mapping]]] = ..., end: _Optional[_Union[_simulation_pb2.SimulationEnd, str]] = ..., end_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., transitions: _Optional[int] = ...) -> None: ...

class RunTestsRequest(_message.Message):
    __slots__ = ("key", "source", "version", "lenient", "tests", "name", "workflows")
    class WorkflowsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    LENIENT_FIELD_NUMBER: _ClassVar[int]
    TESTS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    key: str
    source: str
    version: int
    lenient: bool
    tests: str
    name: str
    workflows: _containers.ScalarMap[str, str]
    def __init__(self, key: _Optional[str] = ..., source: _Optional[str] = ..., version: _Optional[int] = ..., lenient: bool = ..., tests: _Optional[str] = ..., name: _Optional[str] = ..., workflows: _Optional[_Mapping[str, str]] = ...) -> None: ...

class RunTestsResponse(_message.Message):
    __slots__ = ("passed", "results", "coverage", "problems")
    PASSED_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    COVERAGE_FIELD_NUMBER: _ClassVar[int]
    PROBLEMS_FIELD_NUMBER: _ClassVar[int]
    passed: bool
    results: _containers.RepeatedCompositeFieldContainer[_simulation_pb2.TestResult]
    coverage: _simulation_pb2.TestCoverage
    problems: _containers.RepeatedCompositeFieldContainer[_problem_pb2.Problem]
    def __init__(self, passed: bool = ..., results: _Optional[_Iterable[_Union[_simulation_pb2.TestResult, _Mapping]]] = ..., coverage: _Optional[_Union[_simulation_pb2.TestCoverage, _Mapping]] = ..., problems: _Optional[_Iterable[_Union[_problem_pb2.Problem, _Mapping]]] = ...) -> None: ...

class FunnelRequest(_message.Message):
    __slots__ = ("key", "version", "start_time_from", "start_time_before")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    START_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    start_time_from: _timestamp_pb2.Timestamp
    start_time_before: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., start_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class FunnelResponse(_message.Message):
    __slots__ = ("version", "steps", "statuses", "enrollments", "children", "converted", "unrecorded", "count_time")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEPS_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    ENROLLMENTS_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    CONVERTED_FIELD_NUMBER: _ClassVar[int]
    UNRECORDED_FIELD_NUMBER: _ClassVar[int]
    COUNT_TIME_FIELD_NUMBER: _ClassVar[int]
    version: int
    steps: _containers.RepeatedCompositeFieldContainer[_insight_pb2.FunnelStep]
    statuses: _containers.RepeatedCompositeFieldContainer[_enrollment_pb2.StatusCount]
    enrollments: int
    children: int
    converted: int
    unrecorded: int
    count_time: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[int] = ..., steps: _Optional[_Iterable[_Union[_insight_pb2.FunnelStep, _Mapping]]] = ..., statuses: _Optional[_Iterable[_Union[_enrollment_pb2.StatusCount, _Mapping]]] = ..., enrollments: _Optional[int] = ..., children: _Optional[int] = ..., converted: _Optional[int] = ..., unrecorded: _Optional[int] = ..., count_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class StatsRequest(_message.Message):
    __slots__ = ("key", "start_time_from", "start_time_before", "page_size", "page_token")
    KEY_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    START_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    key: str
    start_time_from: _timestamp_pb2.Timestamp
    start_time_before: _timestamp_pb2.Timestamp
    page_size: int
    page_token: str
    def __init__(self, key: _Optional[str] = ..., start_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class StatsResponse(_message.Message):
    __slots__ = ("workflows", "next_page_token")
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    workflows: _containers.RepeatedCompositeFieldContainer[_insight_pb2.WorkflowStats]
    next_page_token: str
    def __init__(self, workflows: _Optional[_Iterable[_Union[_insight_pb2.WorkflowStats, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SetSplitWeightsRequest(_message.Message):
    __slots__ = ("key", "version", "step", "weights", "expected_revision", "request_id")
    class WeightsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    WEIGHTS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_REVISION_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    step: str
    weights: _containers.ScalarMap[str, float]
    expected_revision: int
    request_id: str
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., step: _Optional[str] = ..., weights: _Optional[_Mapping[str, float]] = ..., expected_revision: _Optional[int] = ..., request_id: _Optional[str] = ...) -> None: ...

class SetSplitWeightsResponse(_message.Message):
    __slots__ = ("workflow", "version", "step", "shares")
    class SharesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SHARES_FIELD_NUMBER: _ClassVar[int]
    workflow: _workflow_pb2.Workflow
    version: int
    step: str
    shares: _containers.ScalarMap[str, int]
    def __init__(self, workflow: _Optional[_Union[_workflow_pb2.Workflow, _Mapping]] = ..., version: _Optional[int] = ..., step: _Optional[str] = ..., shares: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ExperimentRequest(_message.Message):
    __slots__ = ("key", "version", "step", "goal", "goal_event", "within", "control", "confidence", "start_time_from", "start_time_before")
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    GOAL_FIELD_NUMBER: _ClassVar[int]
    GOAL_EVENT_FIELD_NUMBER: _ClassVar[int]
    WITHIN_FIELD_NUMBER: _ClassVar[int]
    CONTROL_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    START_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    START_TIME_BEFORE_FIELD_NUMBER: _ClassVar[int]
    key: str
    version: int
    step: str
    goal: str
    goal_event: str
    within: _duration_pb2.Duration
    control: str
    confidence: float
    start_time_from: _timestamp_pb2.Timestamp
    start_time_before: _timestamp_pb2.Timestamp
    def __init__(self, key: _Optional[str] = ..., version: _Optional[int] = ..., step: _Optional[str] = ..., goal: _Optional[str] = ..., goal_event: _Optional[str] = ..., within: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., control: _Optional[str] = ..., confidence: _Optional[float] = ..., start_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., start_time_before: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class ExperimentResponse(_message.Message):
    __slots__ = ("version", "step", "variants", "confidence", "shares_p_value", "warnings", "count_time")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    VARIANTS_FIELD_NUMBER: _ClassVar[int]
    CONFIDENCE_FIELD_NUMBER: _ClassVar[int]
    SHARES_P_VALUE_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    COUNT_TIME_FIELD_NUMBER: _ClassVar[int]
    version: int
    step: str
    variants: _containers.RepeatedCompositeFieldContainer[_insight_pb2.ExperimentVariant]
    confidence: float
    shares_p_value: float
    warnings: _containers.RepeatedScalarFieldContainer[str]
    count_time: _timestamp_pb2.Timestamp
    def __init__(self, version: _Optional[int] = ..., step: _Optional[str] = ..., variants: _Optional[_Iterable[_Union[_insight_pb2.ExperimentVariant, _Mapping]]] = ..., confidence: _Optional[float] = ..., shares_p_value: _Optional[float] = ..., warnings: _Optional[_Iterable[str]] = ..., count_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
