// A receiver of webhooks with Node alone: WEBHOOK_SECRET=whsec_… node receiver.mjs 9000

import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

const SECRET = Buffer.from(process.env.WEBHOOK_SECRET.replace(/^whsec_/, ""), "base64");
const TOLERANCE_S = 300;

// Ids of events that were handled. A real program keeps them in its database, in the transaction of what it does.
const seen = new Set();

/** Whether the gateway signed this body, not long ago. */
function isGenuine(headers, body) {
  const id = headers["webhook-id"] ?? "";
  const stamp = headers["webhook-timestamp"] ?? "";
  if (!/^[0-9]+$/.test(stamp) || Math.abs(Date.now() / 1000 - Number(stamp)) > TOLERANCE_S) return false;
  const digest = createHmac("sha256", SECRET).update(`${id}.${stamp}.`).update(body).digest("base64");
  const expected = Buffer.from(`v1,${digest}`);
  const given = (headers["webhook-signature"] ?? "").split(" "); // two while a new secret replaces an old one
  return given.some((one) => {
    const signature = Buffer.from(one);
    return signature.length === expected.length && timingSafeEqual(signature, expected);
  });
}

const server = createServer(async (request, response) => {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  const body = Buffer.concat(chunks);
  const genuine = isGenuine(request.headers, body);
  const id = request.headers["webhook-id"];
  if (genuine && !seen.has(id)) {
    seen.add(id); // an event may come twice
    const event = JSON.parse(body);
    console.log(event.type, event.id);
  }
  response.writeHead(genuine ? 204 : 401).end(); // at once; what lasts longer belongs in a queue of your own
});
server.listen(Number(process.argv[2]), process.env.HOST ?? "0.0.0.0");
