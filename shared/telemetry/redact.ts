const SECRETS: readonly RegExp[] = [
  // JSON Web Tokens: access tokens, id_tokens, client assertions.
  /\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?/g,
  // What Entra issues as codes and refresh tokens: "0.A…", "1.A…", "M.C…", all long and opaque.
  /\b[01M]\.[\w.-]{40,}/g,
  // Values of parameters that carry a secret and nothing else, in a query, a form, JSON or a connection string.
  /((?:client_secret|client_assertion|refresh_token|access_token|id_token|code_verifier|sig|x-functions-key|AccountKey|SharedAccessSignature)["']?\s*[=:]\s*["']?)[^\s"'&,;]+/gi,
  // The same for names that are everyday words too: only in a query or form, or with a long opaque value.
  /(\b(?:code|state|invitation)=)[^\s"'&,;]+/g,
  /(\b(?:code|state)["']?\s*:\s*["']?)[\w.~+/-]{30,}/g,
  /((?:Bearer|Basic)\s+)[\w.~+/=-]{8,}/gi,
  // Signing secrets of webhooks.
  /(whsec_)[\w+/=-]+/g,
];

/**
 * Masks whatever looks like a token, a code or a secret. It is the net under the rule that none of them is handed to a
 * log, a span or an error text in the first place: texts that come from outside (an error of an SDK, a desk's answer)
 * pass through here.
 */
export function redact(text: string): string {
  return SECRETS.reduce(
    (masked, pattern) => masked.replace(pattern, (_, kept) => `${typeof kept === "string" ? kept : ""}[redacted]`),
    text,
  );
}
