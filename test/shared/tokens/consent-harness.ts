import assert from "node:assert/strict";
import { beforeEach } from "node:test";
import type { ConsentCookie } from "../../../shared/tokens/consent.ts";
import type { ConsentRefusal, ConsentResult } from "../../../shared/tokens/consent-result.ts";
import { signIn } from "../../simulator/entra/entra-person.ts";
import { type ExampleMailbox, type TokenHarness, useTokenHarness } from "./token-harness.ts";
import type { Instance } from "./token-instance.ts";

/** A sign-in that came back from Microsoft; `fields` is what the browser posts. */
interface SignIn {
  readonly cookie: ConsentCookie;
  readonly fields: URLSearchParams;
  readonly location: URL;
}

interface SignInOptions {
  readonly decision?: "accept" | "cancel";
  /** What an attacker, or a proxy, does to the address on the way to Microsoft. */
  readonly change?: (location: URL) => void;
  readonly process?: Instance;
}

/** What the tests of the consent need: a fresh mailbox for each, its owner at a browser, and what must not happen. */
interface ConsentHarness {
  readonly harness: TokenHarness;
  /** May be set to another one within a test. */
  mailbox: ExampleMailbox;
  readonly instance: Instance;
  signInAtMicrosoft(options?: SignInOptions): Promise<SignIn>;
  /** The browser that has these cookies posts Microsoft's answer to Deskpost. */
  finish(
    fields: URLSearchParams | Record<string, string>,
    cookies: readonly ConsentCookie[],
    process?: Instance,
  ): Promise<ConsentResult>;
  /** Fails unless the answer is refused for this reason, and nothing was stored. */
  assertRefused(expected: Partial<ConsentRefusal>, answer: () => Promise<ConsentResult>): Promise<void>;
}

export function useConsents(): ConsentHarness {
  const harness = useTokenHarness();
  let mailbox: ExampleMailbox;
  let instance: Instance;

  beforeEach(async () => {
    mailbox = await harness.addMailbox();
    instance = harness.instance();
  });

  /** Everything that a consent may change: the rows of all grants, and the writes of refresh tokens. */
  async function stored(): Promise<unknown> {
    const writes = harness.keyVault.server.requests.filter(
      ({ method, path }) => method !== "GET" && path.includes("refresh-token"),
    );
    return { grants: await instance.grants.list(), writes: writes.length };
  }

  return {
    harness,
    get mailbox() {
      return mailbox;
    },
    set mailbox(other) {
      mailbox = other;
    },
    get instance() {
      return instance;
    },
    async signInAtMicrosoft({ decision = "accept", change, process = instance } = {}) {
      const { id, address, account } = mailbox;
      const { location, cookie } = await process.consents.start({
        mailboxId: id,
        address,
        kind: "owner",
        writes: false,
      });
      change?.(location);
      const { fields } = await signIn(location, { oid: account.oid, decision });
      return { cookie, fields, location };
    },
    finish: (fields, cookies, process = instance) =>
      process.consents.finish({
        parameters: new URLSearchParams(fields),
        cookie: (name) => cookies.find((cookie) => cookie.name === name)?.value,
      }),
    async assertRefused(expected, answer) {
      const before = await stored();
      assert.partialDeepStrictEqual(await answer(), { kind: "refused", ...expected });
      assert.deepEqual(await stored(), before);
    },
  };
}
