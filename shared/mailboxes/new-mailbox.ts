import isEmailModule from "validator/lib/isEmail.js";
import { z } from "zod";
import { AppError } from "../platform/errors.ts";
import { isoMoment } from "../platform/moment.ts";
import type { Acknowledge, MailboxAccess } from "./mailbox.ts";

/** Its types describe what a bundler makes of it; Node gives the function itself. */
const isEmail = isEmailModule as unknown as typeof isEmailModule.default;

/** A mailbox as somebody asks for it. */
export interface NewMailbox {
  /** Lower case. */
  readonly address: string;
  readonly folder: string;
  readonly desk: string;
  /** `undefined`: from the first connection on. */
  readonly deliverFrom: Date | undefined;
  readonly acknowledge: Acknowledge;
  readonly access: MailboxAccess;
}

/** Names and ids of folders: no slash and no quote, which would change the URL; half a character fits into none. */
const folder = z
  .string()
  .trim()
  .min(1, "is missing")
  .max(500, "is longer than any folder id")
  .regex(/^(?!\.{1,2}$)[^/\\?#'"]+$/, "is no name or id of a folder")
  .refine((text) => !/[\p{Cc}\p{Cs}]/u.test(text), "is no name or id of a folder");

/** What is to be sent for a mailbox to be added. */
export const newMailboxSchema = z
  .object({
    address: z
      .string({ error: "is missing" })
      .trim()
      .toLowerCase()
      .max(320, { error: "is longer than any address", abort: true })
      // It becomes a header of HTTP and of the mail; mailboxes in Microsoft 365 have ASCII alone.
      .regex(/^[\x21-\x7e\s]*$/, {
        error: "holds letters that no address in Microsoft 365 has; write the domain in its xn-- form",
        abort: true,
      })
      // Exchange takes every character of an atom, but no quoted local part:
      // https://learn.microsoft.com/powershell/module/exchangepowershell/set-mailbox#-emailaddresses
      .refine(
        (address) => isEmail(address, { allow_utf8_local_part: false, blacklisted_chars: '"\\\\' }),
        "is not an e-mail address such as help@example.com",
      ),
    folder: folder.default("inbox"),
    desk: z.string({ error: "is missing" }).trim().min(1, "is missing"),
    since: z
      .string()
      .trim()
      .optional()
      // A form sends an empty field.
      .transform((text) => text || undefined)
      .pipe(isoMoment.optional()),
    acknowledge: z
      .enum(["nothing", "mark-read", "move"], { error: 'must be "nothing", "mark-read" or "move"' })
      .default("nothing"),
    moveTo: z.string().trim().optional(),
    access: z.enum(["owner", "application"], { error: 'must be "owner" or "application"' }).default("owner"),
  })
  .transform(({ since, acknowledge, moveTo, ...rest }, context): NewMailbox => {
    const wanted = { ...rest, deliverFrom: since };
    if (acknowledge !== "move") return { ...wanted, acknowledge: { kind: acknowledge } };
    const target = folder.safeParse(moveTo ?? "");
    if (target.success) return { ...wanted, acknowledge: { kind: "move", folder: target.data } };
    context.addIssue({ code: "custom", path: ["moveTo"], message: target.error.issues[0]?.message ?? "is missing" });
    return z.NEVER;
  });

/**
 * Reads a request to add a mailbox, from a form or from JSON.
 * @throws {AppError} INPUT_INVALID naming every field that is wrong
 */
export function readNewMailbox(input: unknown): NewMailbox {
  const parsed = newMailboxSchema.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map((issue) => `${issue.path.join(".") || "the request"} ${issue.message}`);
  throw new AppError("INPUT_INVALID", `The mailbox was not added: ${faults.join("; ")}`);
}
