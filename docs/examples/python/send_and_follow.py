"""Send one message, and follow its events until it has ended: python3 send_and_follow.py +22370123456 "Bonjour"."""

from __future__ import annotations

import os
import sys

from gatewayd_client import Gateway

ENDED = ("message.delivered", "message.failed", "message.cancelled")

gateway = Gateway(os.environ["GATEWAY_URL"], os.environ["GATEWAY_KEY"])
sent = gateway.send(sys.argv[1], sys.argv[2], once=f"example-{sys.argv[1]}", reference="example")
print(sent["sms_id"], sent["status"])
for event, _cursor in gateway.events():
    if event["data"].get("sms_id") == sent["sms_id"]:
        print(event["type"])
        if event["type"] in ENDED:
            break
