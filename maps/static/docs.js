"use strict";
// Swagger UI, which would otherwise send the document's address to an online validator.
SwaggerUIBundle({
  url: document.getElementById("swagger").dataset.url,
  dom_id: "#swagger",
  deepLinking: true,
  validatorUrl: null,
  tryItOutEnabled: true,
});
