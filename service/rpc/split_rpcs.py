"""WorkflowService about splits: setting their weights while a version is live."""

from __future__ import annotations

from statewright.v1 import SetSplitWeightsRequest, SetSplitWeightsResponse

from service.engine.commands import DEFAULT_TENANT
from service.engine.splitting import set_shares
from service.rpc.fields import Violations
from service.rpc.repeats import once
from service.rpc.rooms import Rooms
from service.rpc.workflow_message import write_workflow
from service.storage.database import Transaction


class SplitRpcs:
    def __init__(self, rooms: Rooms) -> None:
        self._engine = rooms.engine

    async def set_split_weights(self, request: SetSplitWeightsRequest) -> SetSplitWeightsResponse:
        violations = Violations()
        violations.required_id("key", request.key)
        for name in ("step", "request_id"):
            violations.name(name, getattr(request, name))
        if not request.weights:
            violations.add("weights", "required: variant → weight, for every variant")
        violations.check()
        clock = self._engine.clock

        def work(transaction: Transaction) -> SetSplitWeightsResponse:
            stored, setting = set_shares(
                transaction,
                clock,
                self._engine.catalog,
                DEFAULT_TENANT,
                request.key,
                request.version if request.HasField("version") else None,
                request.step,
                dict(request.weights),
                request.expected_revision if request.HasField("expected_revision") else None,
            )
            response = SetSplitWeightsResponse(version=setting.version, step=setting.step, shares=setting.shares)
            write_workflow(stored, None, response.workflow)
            return response

        return await self._engine.write(
            lambda transaction: once(
                transaction, clock, "set_split_weights", request, lambda: work(transaction), SetSplitWeightsResponse
            )
        )
