import { SECURITY_HEADERS, type WebAnswer } from "./layout.ts";

/** An answer for programs. */
export function jsonAnswer(status: number, value: unknown): WebAnswer {
  const headers = { ...SECURITY_HEADERS, "content-type": "application/json; charset=utf-8" };
  return { status, headers, body: JSON.stringify(value) };
}
