import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { beforeEach, describe, it } from "node:test";
import type { MailboxRegistry } from "../../../shared/mailboxes/mailbox.ts";
import { AppError } from "../../../shared/platform/errors.ts";
import { signIn } from "../../simulator/entra/entra-person.ts";
import { createHookedProcess } from "./hooked-process.ts";
import { DAY_MS, type ExampleMailbox, isTokenRequest, useTokenHarness } from "./token-harness.ts";
import type { Instance } from "./token-instance.ts";

const harness = useTokenHarness();
let mailbox: ExampleMailbox;
let instance: Instance;

beforeEach(async () => {
  mailbox = await harness.connectedMailbox();
  instance = harness.instance();
});

/** Another account of the organisation connects the mailbox, as it may where it is asked to. */
async function connectByAnother(): Promise<string> {
  const oid = randomUUID();
  harness.entra.addAccount({ ...mailbox.account, oid, userName: `${oid}@contoso.test` });
  const { consents } = harness.instance();
  const { id: mailboxId, address } = mailbox;
  const { location, cookie } = await consents.start({ mailboxId, address, writes: false, kind: "owner" }, true);
  const { fields } = await signIn(location, { oid });
  const result = await consents.finish({
    parameters: fields,
    cookie: (name) => (name === cookie.name ? cookie.value : undefined),
  });
  assert.equal(result.kind, "connected", JSON.stringify(result));
  return oid;
}

const accountOf = (token: string) => harness.entra.describeAccessToken(token)?.oid;

describe("a new consent", () => {
  it("counts within a minute in a process that still remembers a token of the one before", async () => {
    assert.equal(accountOf(await instance.accessTokenFor(mailbox.id)), mailbox.account.oid);
    const another = await connectByAnother();
    harness.clock.advance(60_000);
    assert.equal(accountOf(await instance.accessTokenFor(mailbox.id)), another);
  });

  it("serves the run whose renewal it overtakes, though that one wanted to store its refresh token", async () => {
    harness.clock.advance(8 * DAY_MS);
    harness.entra.server.plan(isTokenRequest, { kind: "before", run: () => harness.connect(mailbox) });
    harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
  });
});

describe("a run that heard of the refusal before the new consent", () => {
  it("cannot keep the mailbox disconnected for good by telling of it afterwards", async () => {
    let meanwhile: (() => Promise<void>) | undefined;
    const late = createHookedProcess(harness, {
      hook: (name, port) => {
        if (name !== "registry") return port;
        const registry = port as unknown as MailboxRegistry;
        const get: MailboxRegistry["get"] = async (id) => {
          await meanwhile?.();
          return registry.get(id);
        };
        return { ...port, get };
      },
    });
    harness.entra.revoke(mailbox.account.oid);
    const refusal = await late.renew(mailbox.id).catch((error: AppError) => error);
    assert.ok(refusal instanceof AppError);
    meanwhile = async () => {
      meanwhile = undefined;
      await harness.connect(mailbox);
    };
    await late.refused(mailbox.id, refusal);

    // The grant is good, and the daily function renews it: the list must come to say so.
    harness.clock.advance(8 * DAY_MS);
    await harness.instance().renewGrants();
    assert.equal((await instance.registry.get(mailbox.id))?.status, "connected");
  });
});

describe("a Key Vault that takes no writes", () => {
  it("costs no access token: the stored refresh token has months to live", async () => {
    harness.clock.advance(8 * DAY_MS);
    const forbidden = { status: 403, body: JSON.stringify({ error: { code: "Forbidden", message: "no" } }) };
    harness.keyVault.server.plan(({ method }) => method === "PUT", { kind: "answer", answer: forbidden }, 20);
    try {
      harness.assertServes(mailbox, await instance.accessTokenFor(mailbox.id));
    } finally {
      harness.keyVault.server.clearFaults();
    }
  });
});
