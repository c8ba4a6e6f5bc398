import { createHmac, timingSafeEqual } from "node:crypto";
import type { SeenRequest } from "../stand-in.ts";

/** Standard Webhooks advises five minutes either way, against replays. */
const TOLERANCE_MS = 5 * 60_000;

/**
 * Checks a delivery against the Standard Webhooks specification, on its raw bytes. It is written here from the
 * specification, not taken from a library, so that it can catch a sender that shares a library's mistake.
 * Gives the reason for refusing it, or `undefined` when the signature holds.
 * https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function verifyWebhookSignature(secret: string, { headers, body }: SeenRequest): string | undefined {
  const id = headers["webhook-id"];
  const timestamp = headers["webhook-timestamp"];
  const signatures = headers["webhook-signature"];
  if (typeof id !== "string" || typeof timestamp !== "string" || typeof signatures !== "string") {
    return "missing signature headers";
  }

  if (!/^\d+$/.test(timestamp)) return "timestamp is not a number of seconds";
  const ageMs = Date.now() - Number(timestamp) * 1_000;
  if (ageMs > TOLERANCE_MS) return "timestamp is too old";
  if (ageMs < -TOLERANCE_MS) return "timestamp is in the future";

  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const expected = createHmac("sha256", key).update(`${id}.${timestamp}.`).update(body).digest();
  // Several signatures may come, separated by spaces, while a secret is being changed.
  const holds = signatures.split(" ").some((signature) => {
    const [version, value] = signature.split(",");
    if (version !== "v1" || value === undefined) return false;
    const given = Buffer.from(value, "base64");
    return given.byteLength === expected.byteLength && timingSafeEqual(given, expected);
  });
  return holds ? undefined : "no matching signature";
}
