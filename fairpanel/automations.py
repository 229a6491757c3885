"""What Prefect tells people by itself: a run that failed, a verdict at or above a level, an export that is late.

Where it tells them is an address given in FAIRPANEL_NOTIFY_URL. Without one the automations are there, switched off and with
nothing to do, for somebody to choose an action in the user interface.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from prefect.blocks.webhook import Webhook
from prefect.client.orchestration import PrefectClient, get_client
from prefect.events.actions import ActionTypes, CallWebhook, DoNothing
from prefect.events.schemas.automations import Automation, AutomationCore, EventTrigger, Posture

from fairpanel.config import ConfigError
from fairpanel.findings.worst import SEVERITY, at_or_above

URL, LEVEL, DAYS = "FAIRPANEL_NOTIFY_URL", "FAIRPANEL_NOTIFY_LEVEL", "FAIRPANEL_EXPORT_DAYS"
BLOCK = "fairpanel-notify"
VERDICT, INGESTED = "fairpanel.verdict", "fairpanel.ingested"
PAYLOAD = {
    "text": "{{ automation.name }}: {{ event.resource.name }}",
    "automation": "{{ automation.name }}",
    "event": "{{ event.event }}",
    "resource": "{{ event.resource.id }}",
    "occurred": "{{ event.occurred }}",
}


def declared(level: str, days: int) -> dict[str, EventTrigger]:
    """The trigger of each automation by its name."""
    ours = {"prefect.resource.role": "tag", "prefect.resource.id": "prefect.tag.fairpanel"}
    ended = {"prefect.flow-run.Failed", "prefect.flow-run.Crashed", "prefect.flow-run.TimedOut"}
    grave: dict[str, str | list[str]] = {"fairpanel.worst": [*at_or_above(level)]}
    once: dict[str, Any] = {"posture": Posture.Reactive, "threshold": 1, "within": timedelta(0)}
    late = timedelta(days=days)
    return {
        "Fairpanel: a run failed": EventTrigger(expect=ended, match_related=ours, **once),
        f"Fairpanel: a verdict of {level.replace('_', ' ')} or graver": EventTrigger(
            expect={VERDICT}, match=grave, **once
        ),
        "Fairpanel: an export is late": EventTrigger(
            expect={INGESTED}, posture=Posture.Proactive, threshold=1, within=late
        ),
    }


async def register(environment: Mapping[str, str]) -> list[str]:
    """Create what is missing; what people changed stays. Returns the names of those that tell somebody.

    Raises ConfigError for an address, a level or a number of days that cannot be used.
    """
    level, days, address = settings(environment)
    telling = []
    async with get_client() as client:
        action: ActionTypes = DoNothing()
        if address:
            action = CallWebhook(block_document_id=await _block(client, address), payload=json.dumps(PAYLOAD))
        for name, trigger in declared(level, days).items():
            (known, *_) = [*await client.read_automations_by_name(name), None]
            if await _settled(client, known, action, name, trigger):
                telling.append(name)
    return telling


def settings(environment: Mapping[str, str]) -> tuple[str, int, str]:
    """Level, days and address. Raises ConfigError."""
    level, days = environment.get(LEVEL, "alert"), environment.get(DAYS, "2")
    address = environment.get(URL, "")
    if level not in SEVERITY:
        raise ConfigError(f"{LEVEL} is one of {', '.join(SEVERITY)}, not {level[:40]!r}")
    if not days.isdigit() or not 1 <= int(days) <= 366:
        raise ConfigError(f"{DAYS} is a number of days from 1 to 366, not {days[:40]!r}")
    if address and urlsplit(address).scheme not in ("http", "https"):
        raise ConfigError(
            f"{URL} is the address of a webhook (https://…); for mail or chat choose the action in Prefect"
        )
    return level, int(days), address


async def _settled(
    client: PrefectClient, known: Automation | None, action: ActionTypes, name: str, trigger: EventTrigger
) -> bool:
    """Whether the automation tells somebody. An own one that had nothing to do gets its action; another stays."""
    tells = not isinstance(action, DoNothing)
    wanted = AutomationCore(
        name=name,
        description="Made by Fairpanel; change it as you like.",
        enabled=tells,
        trigger=trigger,
        actions=[action],
    )
    if known is None:
        await client.create_automation(wanted)
        return tells
    idle = all(isinstance(each, DoNothing) for each in known.actions)
    if idle and tells:
        await client.update_automation(known.id, wanted)
        return True
    return known.enabled and not idle


async def _block(client: PrefectClient, address: str) -> Any:
    """The webhook's block, with this address; kept as a secret."""
    block = Webhook(method="POST", url=address, headers={"Content-Type": "application/json"})
    return await block.save(BLOCK, overwrite=True, client=client)
