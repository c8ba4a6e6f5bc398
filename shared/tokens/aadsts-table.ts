import type { RefusalClass } from "./entra-errors.ts";

/** AADSTS numbers that mean the same to Deskpost. */
interface AadstsRow {
  readonly class: RefusalClass;
  /** What Entra says by them. */
  readonly meaning: string;
  /** Set where it is our own credential that is refused: that concerns every mailbox. */
  readonly alarm?: true;
  readonly codes: readonly number[];
}

/**
 * The numbers that a request for a token can meet, out of Microsoft's list, with what real answers add to it. Left out is
 * what only SAML, WS-Federation, device codes, password resets and Windows sign-ins meet. What one tenant's
 * administrator can put right is never our own misconfiguration, whatever OAuth error Entra puts before it.
 * https://learn.microsoft.com/entra/identity-platform/reference-error-codes
 */
export const AADSTS_TABLE: readonly AadstsRow[] = [
  { class: "owner", meaning: "revoked; 90 days old", codes: [50173, 700082] },
  { class: "owner", meaning: "not valid, or expired (70000 at times for nothing)", codes: [70000, 70008, 50089] },
  {
    class: "owner",
    meaning: "the session ended: password, sign-in frequency, another provider",
    codes: [50132, 50133, 50085, 70043, 50139, 50143],
  },
  { class: "owner", meaning: "a second factor is needed", codes: [50072, 50074, 50076, 50078, 50079, 50158] },
  {
    class: "owner",
    meaning: "the password expired, is to be changed, or was wrong",
    codes: [50055, 50144, 50125, 50135, 50056, 50126],
  },
  {
    class: "owner",
    meaning: "the account must sign in again, or confirm something",
    codes: [50058, 50140, 50199, 51006, 700020, 40009, 40015],
  },
  { class: "owner", meaning: "consent is missing, or was declined", codes: [65001, 65004] },
  { class: "owner", meaning: "a code used twice, wrong verifier, other tenant", codes: [54005, 501481, 700005] },
  { class: "owner", meaning: "the redirect URI is registered as SPA, not Web", codes: [700084] },
  {
    class: "tenant-admin",
    meaning: "conditional access",
    codes: [53000, 53001, 53002, 53003, 53004, 53009, 53010, 53011, 50131, 50005, 530003, 530032, 530034, 530035],
  },
  {
    class: "tenant-admin",
    meaning: "the device must prove itself, or is disabled",
    codes: [50097, 50129, 50155, 50187, 135011],
  },
  { class: "tenant-admin", meaning: "an administrator must consent", codes: [90094, 90095, 90008, 90099] },
  {
    class: "tenant-admin",
    meaning: "account missing, a guest, locked, disabled, or not allowed",
    codes: [50014, 50020, 50034, 50053, 50057, 51004, 54000, 90072, 90093, 500208],
  },
  {
    class: "tenant-admin",
    meaning: "Deskpost or Graph is not set up, removed, or disabled, there",
    codes: [
      50105, 70001, 500011, 500014, 50001, 65005, 650051, 650052, 650053, 650054, 650056, 650057, 1000031, 7000112,
      7000229,
    ],
  },
  { class: "tenant-admin", meaning: "the tenant is suspended or being deleted", codes: [5000224] },
  {
    class: "tenant-admin",
    meaning: "the tenant restricts others",
    codes: [50002, 500021, 500022, 500212, 500213, 1000104],
  },
  {
    class: "tenant-admin",
    meaning: "the tenant's own identity provider says no",
    codes: [40008, 50017, 50107, 50161, 50170, 50177, 50178, 90123],
  },
  {
    class: "app",
    meaning: "client secret wrong, missing, expired",
    alarm: true,
    codes: [70002, 7000215, 7000218, 7000222],
  },
  {
    class: "app",
    meaning: "certificate or assertion not valid, or not yet",
    alarm: true,
    codes: [50012, 50013, 50027, 50048, 500131, 500133, 700023, 700024, 700027, 700030, 900384],
  },
  {
    class: "app",
    meaning: "federated credential does not match",
    alarm: true,
    codes: [70021, 700025, 700211, 700212, 700213, 700229, 7002137, 7002138],
  },
  { class: "app", meaning: "the redirect URI is another one than at the sign-in", alarm: true, codes: [500112] },
  { class: "app", meaning: "redirect URI not registered", codes: [50011, 70004, 900971] },
  { class: "app", meaning: "application not found", codes: [700011, 700016] },
  {
    class: "app",
    meaning: "wrong tenant, or an endpoint that is not for us",
    codes: [50059, 50128, 50194, 90002, 90019, 9001023, 9002332, 90124, 90130],
  },
  {
    class: "app",
    meaning: "malformed, or not offered (9002313: also a damaged refresh token)",
    codes: [
      50147, 501491, 70003, 70005, 70007, 700054, 90004, 90005, 90009, 90013, 90014, 90023, 90056, 90100, 90102, 90117,
      90121, 900144, 900561, 901002, 9002313,
    ],
  },
  { class: "app", meaning: "scope or resource not valid", codes: [28002, 28003, 65002, 70011, 700022, 1002012] },
  { class: "app", meaning: "another cloud", codes: [90038, 90043, 90051, 900382, 900432] },
  { class: "passing", meaning: "throttled", codes: [50196, 90055] },
  {
    class: "passing",
    meaning: "Entra, or what it depends on, is down",
    codes: [
      33000, 40010, 50000, 50033, 50087, 50088, 50166, 70012, 80001, 80002, 80005, 80007, 80013, 80014, 90006, 90012,
      90024, 90033, 90036, 90090, 90091, 90092, 501621,
    ],
  },
];
