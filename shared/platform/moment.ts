import { z } from "zod";
import { cutText } from "./cut-text.ts";

/** Years in which mail may have been received. Beyond them, dates are written in ways that neither Graph nor tables order. */
const YEARS = { least: 1900, most: 2999 };

const example = "2026-01-31 or 2026-01-31T12:00:00Z";

const quoted = (input: unknown) => (typeof input === "string" ? `"${cutText(input, 40)}" ` : "");

function toDate(text: string, context: z.core.$RefinementCtx<string>): Date {
  const date = new Date(text);
  const year = date.getUTCFullYear();
  if (year >= YEARS.least && year <= YEARS.most) return date;
  context.addIssue(`"${text}" lies before ${YEARS.least} or after ${YEARS.most}`);
  return z.NEVER;
}

/**
 * A moment as people and programs write it: ISO 8601 and nothing else, a date alone meaning its beginning in UTC. `Date`
 * by itself reads "5" as 2001-05-01, and "01/02/03" as it likes.
 */
export const isoMoment = z
  .union([z.iso.date(), z.iso.datetime({ offset: true })], {
    error: ({ input }) => `${quoted(input)}is not a date such as ${example}`,
  })
  .transform(toDate);

/** A day as a form sends it; its beginning in UTC. */
export const isoDay = z.iso
  .date({ error: ({ input }) => `${quoted(input)}is no day: choose one, such as 2026-01-31` })
  .transform(toDate);
