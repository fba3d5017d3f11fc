"""Every message, enum and stub of the package `statewright.v1`, importable from here.

The modules beside this one are generated from `protos/`; see there for what each element means.
"""

from statewright.v1.admin_service_pb2 import *
from statewright.v1.admin_service_pb2_grpc import *
from statewright.v1.agent_pb2 import *
from statewright.v1.agent_service_pb2 import *
from statewright.v1.agent_service_pb2_grpc import *
from statewright.v1.contact_pb2 import *
from statewright.v1.contact_service_pb2 import *
from statewright.v1.contact_service_pb2_grpc import *
from statewright.v1.conversation_pb2 import *
from statewright.v1.difference_pb2 import *
from statewright.v1.enrollment_pb2 import *
from statewright.v1.enrollment_service_pb2 import *
from statewright.v1.enrollment_service_pb2_grpc import *
from statewright.v1.error_reason_pb2 import *
from statewright.v1.event_pb2 import *
from statewright.v1.history_pb2 import *
from statewright.v1.insight_pb2 import *
from statewright.v1.migration_pb2 import *
from statewright.v1.outbox_pb2 import *
from statewright.v1.outbox_service_pb2 import *
from statewright.v1.outbox_service_pb2_grpc import *
from statewright.v1.problem_pb2 import *
from statewright.v1.server_info_pb2 import *
from statewright.v1.simulation_pb2 import *
from statewright.v1.task_pb2 import *
from statewright.v1.task_service_pb2 import *
from statewright.v1.task_service_pb2_grpc import *
from statewright.v1.variable_service_pb2 import *
from statewright.v1.variable_service_pb2_grpc import *
from statewright.v1.workflow_pb2 import *
from statewright.v1.workflow_service_pb2 import *
from statewright.v1.workflow_service_pb2_grpc import *
