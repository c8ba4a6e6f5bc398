import type { HttpRequest } from "@azure/functions";
import { z } from "zod";
import type { StoredEntry } from "../shared/mail/ledger/ledger.ts";
import { AppError } from "../shared/platform/errors.ts";
import { jsonOf } from "./http.ts";

/** A query's `limit`, where something is listed. */
export const limitQuery = z.coerce
  .number({ error: "is not a number" })
  .int("is not a whole number")
  .min(1, "is less than 1")
  .optional();

/** A moment; a date alone means its beginning in UTC. */
export const moment = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: "is no date such as 2026-01-31 or 2026-01-31T12:00:00Z",
  })
  .transform((text) => new Date(text));

/** A message of the ledger for programs; the ETag of its row stays inside. */
export function messageJson({ etag: _, ...entry }: StoredEntry) {
  return entry;
}

/** @throws {AppError} INPUT_INVALID naming every parameter that is wrong */
export function queryOf<T>(request: HttpRequest, schema: z.ZodType<T>): T {
  return checked(Object.fromEntries(request.query), schema);
}

/** @throws {AppError} INPUT_INVALID naming every field that is wrong */
export async function bodyOf<T>(request: HttpRequest, schema: z.ZodType<T>): Promise<T> {
  return checked(await jsonOf(request), schema);
}

function checked<T>(input: unknown, schema: z.ZodType<T>): T {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  const faults = result.error.issues.map(({ path, message }) => `${path.join(".") || "the request"} ${message}`);
  throw new AppError("INPUT_INVALID", `Nothing was done: ${faults.join("; ")}`);
}
