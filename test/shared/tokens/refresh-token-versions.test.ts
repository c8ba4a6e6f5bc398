import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { useConsents } from "./consent-harness.ts";
import { DAY_MS } from "./token-harness.ts";

const consents = useConsents();

async function connected(): Promise<void> {
  const { cookie, fields } = await consents.signInAtMicrosoft();
  assert.equal((await consents.finish(fields, [cookie])).kind, "connected");
}

const grant = () => consents.harness.grantOf(consents.mailbox);
const versions = async () => consents.harness.keyVault.read((await grant()).secretName);

describe("the versions of a refresh token", () => {
  it("are disabled but for the last two, once the row points past them", async () => {
    await connected();
    for (let week = 1; week <= 4; week += 1) {
      consents.harness.clock.advance(8 * DAY_MS);
      await consents.harness.instance().accessTokenFor(consents.mailbox.id);
    }
    assert.deepEqual(
      (await versions()).map(({ enabled }) => enabled),
      [false, false, false, true, true],
    );
    assert.equal((await versions()).at(-1)?.version, (await grant()).secretVersion);
  });

  it("stay usable where one cannot be disabled: the token is what counts", async () => {
    await connected();
    consents.harness.keyVault.server.plan(
      ({ method }) => method === "PATCH",
      { kind: "answer", answer: { status: 403, body: "{}" } },
      10,
    );
    for (let week = 1; week <= 3; week += 1) {
      consents.harness.clock.advance(8 * DAY_MS);
      await consents.harness.instance().accessTokenFor(consents.mailbox.id);
    }
    consents.harness.keyVault.server.clearFaults();
    assert.equal((await versions()).filter(({ enabled }) => enabled).length, 4);
    assert.equal(consents.harness.logged("old refresh token kept"), 2);
  });

  it("are one a refresh where every one is to be stored", async () => {
    await connected();
    const instance = consents.harness.instance({ saveAfterMs: 0 });
    for (let time = 1; time <= 3; time += 1) {
      consents.harness.clock.advance(DAY_MS / 4);
      await instance.accessTokenFor(consents.mailbox.id);
    }
    assert.equal((await versions()).length, 4);
  });

  it("go on under a new name before there are too many for a backup of the vault", async () => {
    await connected();
    const { secretName: first } = await grant();
    const { instance } = consents;
    await instance.grants.update(await grant(), { secretVersions: 400 });
    consents.harness.clock.advance(8 * DAY_MS);
    await consents.harness.instance().accessTokenFor(consents.mailbox.id);
    assert.notEqual((await grant()).secretName, first);
    assert.equal((await grant()).secretVersions, 1);
    assert.deepEqual(consents.harness.keyVault.read(first), [], "the old name is removed, after the row has left it");

    consents.harness.clock.advance(80 * DAY_MS);
    await consents.harness.instance().accessTokenFor(consents.mailbox.id);
  });
});
