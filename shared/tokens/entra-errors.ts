import { AppError } from "../platform/errors.ts";
import { AADSTS_TABLE } from "./aadsts-table.ts";

/**
 * Who can mend it: the mailbox's owner (by consenting again), the tenant's administrator, us (the app registration and
 * its credentials), or time.
 */
export type RefusalClass = "owner" | "tenant-admin" | "app" | "passing";

/** What Entra's token endpoint said no with. */
export interface EntraAnswer {
  /** HTTP status; undefined where no answer came at all. */
  readonly status: number | undefined;
  readonly error: string | undefined;
  readonly suberror: string | undefined;
  /** AADSTS numbers. */
  readonly codes: readonly number[];
}

const ROW_OF_CODE = new Map(AADSTS_TABLE.flatMap((row) => row.codes.map((code) => [code, row] as const)));

/**
 * Sorts a refusal. The HTTP status tells an outage; then the AADSTS number, because Entra uses `invalid_grant` for
 * throttling and malformed requests too; then the OAuth error. What nobody can place passes: a mailbox is never
 * given up on an unknown word.
 */
export function classify({ status, error, suberror, codes }: EntraAnswer): RefusalClass {
  if (status === undefined || status === 429 || status >= 500) return "passing";
  for (const code of codes) {
    const row = ROW_OF_CODE.get(code);
    if (row !== undefined) return row.class;
  }
  if (suberror === "consent_required") return "owner";
  switch (error) {
    case "invalid_grant":
    case "interaction_required":
    case "consent_required":
    case "login_required":
      return "owner";
    case "invalid_client":
    case "unauthorized_client":
    case "invalid_scope":
    case "invalid_resource":
      return "app";
    default:
      return "passing";
  }
}

const CODE_OF_CLASS = {
  owner: "CONSENT_REQUIRED",
  "tenant-admin": "ADMIN_REQUIRED",
  app: "APP_MISCONFIGURED",
  passing: "ENTRA_UNAVAILABLE",
} as const;

interface EntraFacts {
  readonly retryAfterMs?: number | undefined;
  readonly traceId?: string | undefined;
  readonly correlationId?: string | undefined;
  readonly claims?: string | undefined;
}

/** Entra did not give tokens. `class` says who can mend it; the ids are what Microsoft's support asks for. */
export class EntraError extends AppError {
  override readonly name = "EntraError";
  readonly class: RefusalClass;
  readonly answer: EntraAnswer;
  readonly retryAfterMs: number | undefined;
  readonly traceId: string | undefined;
  readonly correlationId: string | undefined;
  /** What the next sign-in must prove, as JSON: it is passed on to Microsoft's page. */
  readonly claims: string | undefined;

  constructor(message: string, answer: EntraAnswer, facts: EntraFacts = {}, options?: ErrorOptions) {
    const kind = classify(answer);
    super(CODE_OF_CLASS[kind], message, options);
    this.class = kind;
    this.answer = answer;
    this.retryAfterMs = facts.retryAfterMs;
    this.traceId = facts.traceId;
    this.correlationId = facts.correlationId;
    this.claims = facts.claims;
  }
}

/** Entra's word for a token that is malformed; it sends it for damaged refresh tokens too. https://github.com/MicrosoftDocs/azure-docs/issues/63819 */
const MALFORMED = 9002313;

/** True where another refresh token of the same grant may still be accepted. */
export function mayBeTheToken({ class: kind, answer }: EntraError): boolean {
  return kind === "owner" || kind === "tenant-admin" || answer.codes.includes(MALFORMED);
}

/**
 * Law 5: whether our own credential is refused, or missing. `perhaps` where Entra's word says so by a number that nobody
 * knows: then it may as well be one tenant's fault, and somebody else has to confirm it.
 */
export function concernsEveryMailbox(error: AppError): "yes" | "perhaps" | "no" {
  if (error.code !== "APP_MISCONFIGURED") return "no";
  if (!(error instanceof EntraError)) return "yes";
  const known = error.answer.codes.map((code) => ROW_OF_CODE.get(code)).find((row) => row !== undefined);
  if (known !== undefined) return known.alarm ? "yes" : "no";
  return error.answer.error === "invalid_client" ? "perhaps" : "no";
}

/** Entra's number for a refusal, or the code of the error where it is not Entra's. */
export function refusalCodeOf(error: AppError): string {
  if (error instanceof EntraError) return entraCodeOf(error);
  return error.cause instanceof EntraError ? entraCodeOf(error.cause) : error.code;
}

function entraCodeOf({ answer }: EntraError): string {
  const number = answer.codes[0];
  return number === undefined ? (answer.error ?? "no answer") : `AADSTS${number}`;
}

/** What happened and who must do what, in words for a page; without Entra's own text, which may name accounts. */
export function remedyFor(error: EntraError): string {
  const code = entraCodeOf(error);
  switch (error.class) {
    case "owner":
      return `Microsoft no longer accepts the consent for this mailbox (${code}). Its owner must connect it again.`;
    case "tenant-admin":
      return `The mailbox's organisation blocks the sign-in (${code}). Its Microsoft 365 administrator must allow it; the sign-in log there names the policy.`;
    case "app":
      return `Microsoft does not accept Deskpost's own credentials or registration (${code}). Whoever runs Deskpost must put the app registration right; no mailbox needs to be connected again.`;
    case "passing":
      return `Microsoft's sign-in service did not answer properly (${code}). Deskpost tries again by itself.`;
  }
}
