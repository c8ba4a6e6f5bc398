import { createHash, randomBytes, timingSafeEqual } from "node:crypto";
import { z } from "zod";
import type { CookieSealer } from "./cookie-sealer.ts";
import { type HostCookie, hostCookie } from "./host-cookie.ts";
import type { Revocations } from "./revocations-table.ts";

/** After this long somebody signs in again, and with that Entra is asked again whether they still may. */
export const SESSION_LIFE_MS = 12 * 3_600_000;
/** A session that nobody uses ends. A page that renews itself does not count as use. */
export const SESSION_IDLE_MS = 3_600_000;
/** How exactly the last use is kept: the cookie is not written anew for each page. */
const TOUCH_AFTER_MS = 5 * 60_000;

export const SESSION_COOKIE = "__Host-deskpost-session";

/** Somebody who signed in with the role that the pages ask for. */
export interface Session {
  readonly userName: string;
  readonly objectId: string;
  /** Goes into each form, and must come back with it. */
  readonly formToken: string;
  readonly signedInAt: Date;
  readonly seenAt: Date;
}

/** Sessions that the browser keeps, sealed; only those that somebody ended are stored. */
export interface Sessions {
  /** A new one at each sign-in, whatever the browser had before. */
  begin(person: Pick<Session, "userName" | "objectId">): Promise<HostCookie>;
  /** `undefined` where there is none, it is over, or it is not ours. */
  read(cookie: string | undefined): Promise<Session | undefined>;
  /** The cookie with which the session counts as used now; `undefined` while the one at hand will do. */
  touch(session: Session): Promise<HostCookie | undefined>;
  /** Ends it, for copies of the cookie as well, and gives the cookie that removes it. */
  end(session: Session | undefined): Promise<HostCookie>;
}

export interface SessionsDeps {
  readonly sealer: CookieSealer;
  /** The setting that says whose administrators may come in: with another one, sessions from before end. */
  readonly tenant: string | undefined;
  readonly revocations: Pick<Revocations, "revoke" | "isRevoked">;
  readonly now: () => Date;
}

const contents = z.object({
  tenant: z.string(),
  userName: z.string(),
  objectId: z.string(),
  formToken: z.string().min(40),
  signedInAt: z.number(),
  seenAt: z.number(),
});

export function createSessions({ sealer, tenant = "", revocations, now }: SessionsDeps): Sessions {
  async function cookieFor({ signedInAt, seenAt, ...session }: Session): Promise<HostCookie> {
    const times = { signedInAt: signedInAt.getTime(), seenAt: seenAt.getTime() };
    const value = await sealer.seal("session", { tenant, ...session, ...times });
    // Lax, not Strict: the first page after the sign-in is reached by a redirect that began at Microsoft.
    return hostCookie(SESSION_COOKIE, value, { sameSite: "Lax" });
  }

  return {
    begin: (person) =>
      cookieFor({ ...person, formToken: randomBytes(32).toString("base64url"), signedInAt: now(), seenAt: now() }),

    async read(cookie) {
      if (cookie === undefined) return undefined;
      const found = contents.safeParse(await sealer.open("session", cookie));
      if (!found.success || found.data.tenant !== tenant) return undefined;
      const { tenant: _, ...session } = found.data;
      const ms = now().getTime();
      if (ms - session.signedInAt > SESSION_LIFE_MS || ms - session.seenAt > SESSION_IDLE_MS) return undefined;
      if (await revocations.isRevoked(idOf(session))) return undefined;
      return { ...session, signedInAt: new Date(session.signedInAt), seenAt: new Date(session.seenAt) };
    },

    async touch(session) {
      if (now().getTime() - session.seenAt.getTime() < TOUCH_AFTER_MS) return undefined;
      return cookieFor({ ...session, seenAt: now() });
    },

    async end(session) {
      const signedInAt = session?.signedInAt.getTime() ?? 0;
      if (session !== undefined) await revocations.revoke(idOf(session), new Date(signedInAt + SESSION_LIFE_MS));
      return hostCookie(SESSION_COOKIE, "", { sameSite: "Lax", maxAgeSeconds: 0 });
    },
  };
}

/** The same for every copy of a session's cookie, however often it was written anew. */
function idOf({ formToken }: Pick<Session, "formToken">): string {
  return createHash("sha256").update(formToken).digest("hex");
}

/** True where a form carries the token of this very session. */
export function isOwnForm(session: Session, token: string | null): boolean {
  const [expected, given] = [Buffer.from(session.formToken), Buffer.from(token ?? "")];
  return expected.byteLength === given.byteLength && timingSafeEqual(expected, given);
}
