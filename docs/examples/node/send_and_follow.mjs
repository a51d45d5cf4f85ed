// Send one message, and follow its events until it has ended: node send_and_follow.mjs +22370123456 "Bonjour"

import { Gateway } from "./gatewayd.mjs";

const ENDED = ["message.delivered", "message.failed", "message.cancelled"];
const [recipient, text] = process.argv.slice(2);

const gateway = new Gateway(process.env.GATEWAY_URL, process.env.GATEWAY_KEY);
const sent = await gateway.send(recipient, text, { once: `example-${recipient}`, reference: "example" });
console.log(sent.sms_id, sent.status);
for await (const { event } of gateway.events()) {
  if (event.data.sms_id !== sent.sms_id) continue;
  console.log(event.type);
  if (ENDED.includes(event.type)) break;
}
