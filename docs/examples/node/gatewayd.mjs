// A small client of the gateway: copy it into your program. It needs Node 18 and no package.

import { randomUUID } from "node:crypto";

export class GatewayError extends Error {
  /** The gateway refused: `code` is the error code, `data` its details. */
  constructor(status, answer) {
    super(`${answer.error}: ${answer.message}`);
    this.status = status;
    this.code = answer.error;
    this.data = answer.data ?? {};
  }
}

export class Gateway {
  /** `url` ends in `/api`, as http://192.168.1.20:8000/api. For `retryMs` a request is repeated while there is no answer. */
  constructor(url, key, retryMs = 900_000) {
    this.url = url.replace(/\/+$/, "");
    this.key = key;
    this.retryMs = retryMs;
  }

  /** Send one message. `once` identifies it in your program: a repetition with it sends nothing twice. */
  async send(recipient, message, { once = randomUUID(), ...options } = {}) {
    return (await this.ask("POST", "/sms/send", { recipient, message, ...options }, once)).data;
  }

  /** Send many messages at once; the whole answer, whose `results` stand in the order of `messages`. */
  sendBulk(messages, { once = randomUUID(), ...options } = {}) {
    return this.ask("POST", "/sms/send-bulk", { messages, ...options }, once);
  }

  /** How many parts a text takes, what it costs, and a cheaper text. */
  async preview(message, options = {}) {
    return (await this.ask("POST", "/sms/preview", { message, ...options })).data;
  }

  /** One message. */
  async status(smsId) {
    return (await this.ask("GET", `/sms/status/${smsId}`)).data;
  }

  /** Every event from the cursor `after` on, with the cursor behind it: keep that with what you did. Never ends. */
  async *events(after = "") {
    for (;;) {
      const query = new URLSearchParams(after ? { after, wait: "25" } : { wait: "25" });
      const page = await this.ask("GET", `/events?${query}`);
      for (const event of page.data) yield { event, cursor: page.next_cursor };
      after = page.next_cursor;
    }
  }

  /** The answer. Repeats while there is none: safe for sends, because they carry an Idempotency-Key. */
  async ask(method, path, body, once) {
    const headers = { "X-API-Key": this.key, "Content-Type": "application/json" };
    if (once) headers["Idempotency-Key"] = once;
    const until = Date.now() + this.retryMs;
    for (let pause = 1000; ; pause = Math.min(2 * pause, 60_000)) {
      let wait = pause;
      try {
        const response = await fetch(this.url + path, {
          method,
          headers,
          body: body && JSON.stringify(body),
          signal: AbortSignal.timeout(60_000),
        });
        const answer = await response.json();
        if (response.ok) return answer;
        const after = response.headers.get("Retry-After");
        if (after) wait = 1000 * Number(after);
        const again = [502, 503, 504].includes(response.status) || answer.error === "conflict";
        if (!again || !after || Date.now() + wait > until) throw new GatewayError(response.status, answer);
      } catch (error) {
        if (error instanceof GatewayError || Date.now() + wait > until) throw error;
      }
      await new Promise((done) => setTimeout(done, wait));
    }
  }
}
