import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  createNewMailboxChecks,
  type NewMailboxChecksDeps,
} from "../../../../shared/health/checks/new-mailbox-checks.ts";
import type { NewMailbox } from "../../../../shared/mailboxes/new-mailbox.ts";
import { AppError } from "../../../../shared/platform/errors.ts";

const wanted: NewMailbox = {
  address: "help@contoso.test",
  folder: "inbox",
  desk: "support",
  access: "owner",
  deliverFrom: undefined,
  acknowledge: { kind: "nothing" },
};

const deps: NewMailboxChecksDeps = {
  tenantId: async () => "tenant-1",
  tenant: undefined,
  probeRedirect: async () => ({ kind: "registered" }),
  redirectUrl: "https://deskpost.contoso.test/api/finish-consent",
  clientId: "client-1",
  scopes: () => ["Mail.Read"],
  deskUrls: { support: "https://desk.contoso.test" },
  probeDesk: async () => ({ status: 200 }),
  now: () => new Date("2026-11-23T12:00:00.000Z"),
};

async function resultsWith(changes: Partial<NewMailboxChecksDeps>): Promise<Record<string, string>> {
  const steps = await createNewMailboxChecks({ ...deps, ...changes })(wanted);
  return Object.fromEntries(steps.map(({ name, result }) => [name, result]));
}

describe("the checks before a mailbox is added", () => {
  it("leave to the sign-in what only the sign-in tells", async () => {
    const well = { organisation: "ok", redirect: "ok", permissions: "warning", desk: "ok" };
    assert.deepEqual(await resultsWith({}), well);
    assert.deepEqual(await resultsWith({ probeRedirect: async () => ({ kind: "unclear" }) }), {
      ...well,
      redirect: "warning",
    });
  });

  it("ask nothing about the redirect URL where there is no organisation to ask", async () => {
    const results = await resultsWith({
      tenantId: async () => {
        throw new AppError("ENTRA_UNAVAILABLE", "Nobody answers");
      },
      probeRedirect: async () => assert.fail("asked all the same"),
    });
    assert.deepEqual(results, { organisation: "failed", redirect: "skipped", permissions: "warning", desk: "ok" });
  });

  it("go on where one of them breaks in a way that nobody foresaw, and tell its code alone", async () => {
    const probeDesk = async () => {
      throw new TypeError("a text that can hold anything");
    };
    const steps = await createNewMailboxChecks({ ...deps, probeDesk })(wanted);
    const desk = steps.find(({ name }) => name === "desk");
    assert.equal(desk?.result, "failed");
    assert.ok(!JSON.stringify(steps).includes("anything"));
    assert.equal(steps.find(({ name }) => name === "organisation")?.result, "ok");
  });

  it("name the desks that there are, where the mailbox's own is none of them", async () => {
    const steps = await createNewMailboxChecks({ ...deps, deskUrls: { sales: "https://sales.contoso.test" } })(wanted);
    assert.match(steps.find(({ name }) => name === "desk")?.remedy ?? "", /DESKS names: sales\./);
  });
});
