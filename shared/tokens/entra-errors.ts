import { AppError } from "../platform/errors.ts";

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

// Codes and meanings: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
const OWNER = [
  50072, 50074, 50076, 50078, 50079, 50055, 50085, 50089, 50132, 50133, 50144, 50158, 50173, 54005, 501481, 65001,
  65004, 70000, 70008, 70043, 700005, 700082, 700084,
];
const TENANT_ADMIN = [
  50034, 50053, 50057, 50097, 50105, 50129, 50131, 50187, 53000, 53001, 53003, 53011, 70001, 90094, 90095, 500011,
  500021, 500022, 500212, 500213, 530032, 530034, 530035, 650052, 650056, 1000031, 7000112,
];
const APP = [
  28002, 28003, 50011, 50012, 50048, 50194, 70002, 70011, 70021, 90002, 90013, 90014, 90023, 90038, 90100, 90124, 90130,
  500112, 500133, 650057, 700011, 700016, 700022, 700023, 700024, 700025, 700027, 700030, 700211, 700212, 700213,
  700229, 900144, 900382, 900432, 900971, 9001023, 9002313, 7000215, 7000218, 7000222, 7002137, 7002138,
];
const PASSING = [
  33000, 40010, 50000, 50033, 50087, 50088, 50166, 50196, 70012, 80002, 80005, 80014, 90006, 90012, 90024, 90033, 90055,
  90090, 90091,
];

const CLASS_OF_CODE: ReadonlyMap<number, RefusalClass> = new Map([
  ...OWNER.map((code) => [code, "owner"] as const),
  ...TENANT_ADMIN.map((code) => [code, "tenant-admin"] as const),
  ...APP.map((code) => [code, "app"] as const),
  ...PASSING.map((code) => [code, "passing"] as const),
]);

/**
 * Sorts a refusal. The HTTP status tells an outage; then the AADSTS number, because Entra uses `invalid_grant` for
 * throttling and malformed requests too; then the OAuth error. What nobody can place passes: a mailbox is never
 * given up on an unknown word.
 */
export function classify({ status, error, suberror, codes }: EntraAnswer): RefusalClass {
  if (status === undefined || status === 429 || status >= 500) return "passing";
  if (suberror === "consent_required") return "owner";
  for (const code of codes) {
    const known = CLASS_OF_CODE.get(code);
    if (known !== undefined) return known;
  }
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

/** What Entra says of the application's credential: a secret, a certificate, or a federated one. */
const CREDENTIAL = new Set([
  50012, 50048, 70002, 70021, 500112, 500133, 700024, 700025, 700027, 700030, 700211, 700212, 700213, 700229, 7000215,
  7000218, 7000222, 7002137, 7002138,
]);

/** Law 5: true where our own credential is refused, or missing; false where one tenant or one token is the trouble. */
export function concernsEveryMailbox(error: AppError): boolean {
  if (error.code !== "APP_MISCONFIGURED") return false;
  if (!(error instanceof EntraError)) return true;
  return error.answer.error === "invalid_client" || error.answer.codes.some((code) => CREDENTIAL.has(code));
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
