"use strict";

// All addresses are relative to the document, which lies beside this page, also behind a proxy that adds a prefix.
const address = new URL("openapi.json", window.location.href);
const folder = (path) => new URL(path, address).href.replace(/\/$/, "");

async function show() {
  const answer = await fetch(address);
  const spec = await answer.json();
  spec.servers = [{ url: folder(".") }];
  for (const item of Object.values(spec.paths)) {
    for (const server of item.servers || []) {
      server.url = folder(server.url);
    }
  }
  window.ui = SwaggerUIBundle({
    spec,
    dom_id: "#swagger-ui",
    deepLinking: true,
    displayRequestDuration: true,
    persistAuthorization: false, // a key stays in the memory of the page
    validatorUrl: null, // the default asks a server in the internet
  });
}

show();
