import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { signIn } from "../simulator/entra/entra-person.ts";
import { MINUTE_MS, SESSION_COOKIE, useSecurityHarness } from "./security-harness.ts";

/** Entra refuses Deskpost's own credential: whoever has to hear of it must be able to sign in all the same. */
describe("the sign-in while Entra refuses our own credential", () => {
  const harness = useSecurityHarness();

  interface Answer {
    readonly fields: URLSearchParams;
    readonly cookie: string;
  }

  const cookiesOf = (answer: Response) =>
    answer.headers
      .getSetCookie()
      .map((line) => line.split(";")[0])
      .filter((pair) => !pair?.endsWith("="))
      .join("; ");
  const sessionIn = (answer: Response) =>
    answer.headers.getSetCookie().find((line) => line.startsWith(`${SESSION_COOKIE}=`));
  const finish = ({ fields, cookie }: Answer) =>
    harness.ask("finish-sign-in", { method: "POST", body: fields, headers: { accept: "text/html", cookie } });

  /** At Microsoft for the second time; the way back is the test's. */
  async function secondAnswer(oid = harness.simulator.administrator.oid): Promise<Answer & { readonly location: URL }> {
    harness.simulator.entra.expireSecrets(harness.simulator.clientId);
    const start = await harness.ask("sign-in");
    const { fields } = await signIn(start.headers.get("location") ?? "", { oid });
    const refused = await finish({ fields, cookie: cookiesOf(start) });
    assert.equal(refused.status, 303);
    const location = new URL(refused.headers.get("location") ?? "");
    return { fields: (await signIn(location, { oid })).fields, cookie: cookiesOf(refused), location };
  }

  async function assertRefused(answer: Response, words: RegExp): Promise<void> {
    assert.equal(answer.status, 403);
    assert.equal(sessionIn(answer), undefined);
    assert.match(await answer.text(), words);
  }

  it("asks once more for an id token by form, with state and nonce of its own, and lets the administrator in", async () => {
    const answer = await secondAnswer();
    const { searchParams } = answer.location;
    assert.equal(searchParams.get("response_type"), "id_token");
    assert.equal(searchParams.get("response_mode"), "form_post");
    for (const name of ["state", "nonce"]) assert.ok((searchParams.get(name) ?? "").length >= 43, name);
    const done = await finish(answer);
    assert.equal(done.status, 303);
    assert.ok(sessionIn(done));
    assert.ok(!harness.logLines.join("\n").includes(answer.fields.get("id_token") ?? "none"));
  });

  it("lets a person in with nothing but clicks", async () => {
    harness.simulator.entra.expireSecrets(harness.simulator.clientId);
    const person = await harness.signedIn();
    assert.match((await person.open(`${harness.base}/pages`)).text, /Sign out/);
  });

  it("lets nobody in without the role", async () => {
    await assertRefused(await finish(await secondAnswer(harness.simulator.stranger.oid)), /does not have the role/);
  });

  it("counts each answer once, though the token is good for an hour", async () => {
    const answer = await secondAnswer();
    assert.ok(sessionIn(await finish(answer)));
    await assertRefused(await finish(answer), /was used already/);
  });

  it("refuses a token of another sign-in, one that was changed, and one without our nonce", async () => {
    const [mine, theirs] = [await secondAnswer(harness.simulator.stranger.oid), await secondAnswer()];
    const injected = new URLSearchParams(mine.fields);
    injected.set("id_token", theirs.fields.get("id_token") ?? "");
    await assertRefused(await finish({ ...mine, fields: injected }), /did not confirm the sign-in/);

    const [head, claims = "", signature] = (mine.fields.get("id_token") ?? "").split(".");
    const promoted = { ...JSON.parse(Buffer.from(claims, "base64url").toString()), roles: ["Deskpost.Admin"] };
    const forged = [head, Buffer.from(JSON.stringify(promoted)).toString("base64url"), signature].join(".");
    const changed = new URLSearchParams(mine.fields);
    changed.set("id_token", forged);
    await assertRefused(await finish({ ...mine, fields: changed }), /did not confirm the sign-in/);

    const answer = await secondAnswer();
    answer.location.searchParams.set("nonce", "of the attacker");
    const { fields } = await signIn(answer.location, { oid: harness.simulator.administrator.oid });
    await assertRefused(await finish({ ...answer, fields }), /did not confirm the sign-in/);
  });

  it("refuses a token that is over, or comes more than ten minutes later", async () => {
    const answer = await secondAnswer();
    harness.simulator.clock.advance(10 * MINUTE_MS + 1);
    await assertRefused(await finish(answer), /More than ten minutes/);
  });

  it("takes no id token where a code was asked for", async () => {
    const { fields } = await secondAnswer();
    const start = await harness.ask("sign-in");
    const { searchParams } = new URL(start.headers.get("location") ?? "");
    const planted = new URLSearchParams({
      id_token: fields.get("id_token") ?? "",
      state: searchParams.get("state") ?? "",
    });
    await assertRefused(await finish({ fields: planted, cookie: cookiesOf(start) }), /with the error no_code/);
  });

  it("says what to tick where the registration allows no id tokens", async () => {
    const answer = await secondAnswer();
    const fields = new URLSearchParams({
      error: "unsupported_response_type",
      error_description: "AADSTS700054: response_type 'id_token' is not enabled for the application.",
      state: answer.location.searchParams.get("state") ?? "",
    });
    await assertRefused(await finish({ ...answer, fields }), /AADSTS700054[\s\S]*“ID tokens”/);
  });
});
