"use strict";

// The document lies beside this page, also behind a proxy that adds a prefix.
window.ui = SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  displayRequestDuration: true,
  persistAuthorization: false, // a key stays in the memory of the page
  validatorUrl: null, // the default asks a server in the internet
});
