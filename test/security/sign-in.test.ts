import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { ManagedIdentityCredential } from "@azure/identity";
import { createSecrets } from "../../shared/platform/key-vault-azure.ts";
import { KEY_CACHE_MS } from "../../shared/web/session/cookie-keys.ts";
import { createCookieSealer } from "../../shared/web/session/cookie-sealer.ts";
import { SESSION_IDLE_MS, SESSION_LIFE_MS } from "../../shared/web/session/sessions.ts";
import { signIn } from "../simulator/entra/entra-person.ts";
import { cookieValue, HOUR_MS, MINUTE_MS, SESSION_COOKIE, useSecurityHarness } from "./security-harness.ts";

/** An administrator's sign-in, and whoever would like to come in without it. */
describe("the sign-in to the pages", () => {
  const harness = useSecurityHarness();
  const page = { accept: "text/html" };

  interface Answer {
    readonly fields: URLSearchParams;
    /** What the browser was given at the start, as it sends it back. */
    readonly cookie: string;
  }

  /** Goes to Microsoft and signs in there; the way back is the test's. */
  async function atMicrosoft(oid = harness.simulator.administrator.oid, query = ""): Promise<Answer> {
    const start = await harness.ask(`sign-in${query}`);
    const { fields } = await signIn(start.headers.get("location") ?? "", { oid });
    return {
      fields,
      cookie: start.headers
        .getSetCookie()
        .map((line) => line.split(";")[0])
        .join("; "),
    };
  }

  const finish = ({ fields, cookie }: Answer, more = "") =>
    harness.ask("finish-sign-in", {
      method: "POST",
      body: fields,
      headers: { ...page, origin: "https://login.microsoftonline.com", cookie: [cookie, more].join("; ") },
    });
  const sessionIn = (answer: Response) =>
    answer.headers.getSetCookie().find((line) => line.startsWith(`${SESSION_COOKIE}=`));
  const open = (cookie: string) => harness.ask("pages", { headers: { ...page, cookie } });
  /** A sealed session, as it stands in the cookie. */
  async function session(): Promise<string> {
    return sessionIn(await finish(await atMicrosoft()))?.split(";")[0] ?? assert.fail("no session began");
  }
  async function assertRefused(answer: Response, words: RegExp): Promise<void> {
    assert.equal(answer.status, 403);
    assert.equal(sessionIn(answer), undefined);
    assert.match(await answer.text(), words);
  }

  it("asks Microsoft for who it is and for nothing that lasts, with PKCE, state and nonce", async () => {
    const forwarded = {
      "x-forwarded-host": "evil.example",
      "x-forwarded-proto": "http",
      "disguised-host": "evil.example",
    };
    const start = await harness.ask("sign-in", { headers: forwarded });
    const { searchParams } = new URL(start.headers.get("location") ?? "");
    assert.equal(searchParams.get("scope"), "openid profile");
    assert.equal(searchParams.get("code_challenge_method"), "S256");
    assert.equal(searchParams.get("response_mode"), "form_post");
    assert.equal(searchParams.get("redirect_uri"), `${harness.base}/finish-sign-in`);
    for (const name of ["state", "nonce", "code_challenge"])
      assert.ok((searchParams.get(name) ?? "").length >= 43, name);
    const issued = harness.simulator.entra.refreshTokensIssued;
    await session();
    assert.equal(harness.simulator.entra.refreshTokensIssued, issued);
  });

  it("gives cookies that no script, no other host and no other site can use", async () => {
    const start = await harness.ask("sign-in");
    const [pending = ""] = start.headers.getSetCookie();
    assert.match(pending, /^__Host-deskpost-sign-in-[\w-]{8}=/);
    assert.match(pending, /; max-age=600; path=\/; secure; samesite=none; httponly$/);
    const cookie = sessionIn(await finish(await atMicrosoft())) ?? "";
    assert.match(cookie, /; path=\/; secure; samesite=lax; httponly$/);
    assert.doesNotMatch(cookie, /domain=|max-age|expires/i);
    assert.ok(!cookie.includes("ada"), "sealed, not only signed");
  });

  it("lets nobody in without the role", async () => {
    await assertRefused(
      await finish(await atMicrosoft(harness.simulator.stranger.oid)),
      /does not have the role Deskpost\.Admin/,
    );
    const { entra, clientId, stranger } = harness.simulator;
    entra.assignRoles(clientId, stranger.oid, ["Deskpost.Reader", "deskpost.admin", "Deskpost.Admin2"]);
    await assertRefused(await finish(await atMicrosoft(stranger.oid)), /does not have the role/);
    entra.assignRoles(clientId, stranger.oid, ["Deskpost.Reader", "Deskpost.Admin"]);
    assert.equal((await finish(await atMicrosoft(stranger.oid))).status, 303);
    entra.assignRoles(clientId, stranger.oid, []);
  });

  it("asks for the role again at the next sign-in", async () => {
    const { entra, clientId, administrator } = harness.simulator;
    entra.assignRoles(clientId, administrator.oid, []);
    await assertRefused(await finish(await atMicrosoft()), /does not have the role/);
    entra.assignRoles(clientId, administrator.oid, ["Deskpost.Admin"]);
  });

  describe("is refused", () => {
    const notThis = /does not belong to a sign-in that this browser has started/;

    it("in another browser: neither can somebody be signed in as the attacker, nor the other way round", async () => {
      const { fields } = await atMicrosoft();
      await assertRefused(await finish({ fields, cookie: "" }), notThis);
      const { cookie } = await atMicrosoft();
      await assertRefused(await finish({ fields, cookie }), notThis);
    });

    it("with the states of two sign-ins swapped, or the code of one in the other", async () => {
      const [one, other] = [await atMicrosoft(), await atMicrosoft()];
      const both = `${one.cookie}; ${other.cookie}`;
      const swapped = new URLSearchParams(one.fields);
      swapped.set("state", other.fields.get("state") ?? "");
      // The state is known in this browser, but the code was issued for another verifier.
      await assertRefused(await finish({ fields: swapped, cookie: both }), /did not confirm the sign-in/);
      const renamed = one.cookie.replace(/sign-in-.{8}/, (/sign-in-.{8}/.exec(other.cookie) ?? [""])[0]);
      await assertRefused(await finish({ fields: other.fields, cookie: renamed }), notThis);
    });

    it("with a code of somebody else's sign-in that was injected", async () => {
      const [mine, theirs] = [await atMicrosoft(harness.simulator.stranger.oid), await atMicrosoft()];
      mine.fields.set("code", theirs.fields.get("code") ?? "");
      await assertRefused(await finish(mine), /did not confirm the sign-in/);
    });

    it("with a code that was asked for without our nonce", async () => {
      const start = await harness.ask("sign-in");
      const location = new URL(start.headers.get("location") ?? "");
      location.searchParams.set("nonce", "of the attacker");
      const { fields } = await signIn(location, { oid: harness.simulator.administrator.oid });
      const cookie = start.headers.getSetCookie()[0]?.split(";")[0] ?? "";
      await assertRefused(await finish({ fields, cookie }), /did not confirm the sign-in/);
    });

    it("the second time, whether the browser forgot its cookie or kept it", async () => {
      const answer = await atMicrosoft();
      const first = await finish(answer);
      const removed = first.headers.getSetCookie().find((line) => line.startsWith("__Host-deskpost-sign-in-"));
      assert.match(removed ?? "", /=; max-age=0;/);
      await assertRefused(await finish({ ...answer, cookie: "" }), notThis);
      await assertRefused(await finish(answer), /did not confirm the sign-in/);
    });

    it("more than ten minutes after its start", async () => {
      const answer = await atMicrosoft();
      harness.simulator.clock.advance(10 * MINUTE_MS + 1);
      await assertRefused(await finish(answer), /More than ten minutes/);
    });

    it("with the answer of a consent, and a consent with the answer of a sign-in", async () => {
      const answer = await atMicrosoft();
      const consent = await harness.ask("finish-consent", {
        method: "POST",
        body: answer.fields,
        headers: { ...page, cookie: answer.cookie },
      });
      assert.equal(consent.status, 400);
      const start = await harness.ask(`start-consent?mailbox=${harness.mailboxId}`, {
        headers: { "x-functions-key": "a-function-key" },
      });
      const { fields } = await signIn(start.headers.get("location") ?? "", {
        oid: harness.simulator.administrator.oid,
      });
      await assertRefused(
        await finish({ fields, cookie: start.headers.getSetCookie()[0]?.split(";")[0] ?? "" }),
        notThis,
      );
      assert.equal(await harness.status(), "new");
    });

    it("where the person declines or Microsoft reports an error, of which only the code is shown", async () => {
      const { fields, cookie } = await atMicrosoft();
      fields.delete("code");
      fields.set("error", "access_denied");
      await assertRefused(await finish({ fields, cookie }), /ended on Microsoft(?:'|&#39;)s page/);
      fields.set("error", "<script>alert(1)</script>");
      fields.set("error_description", "AADSTS50105: <script>alert(2)</script>");
      const answer = await finish({ fields, cookie });
      const text = await answer.text();
      assert.match(text, /with the error AADSTS50105/);
      assert.doesNotMatch(text, /<script|alert\(/);
    });

    it("by GET, whatever the address carries", async () => {
      const { fields, cookie } = await atMicrosoft();
      const answer = await harness.ask(`finish-sign-in?${fields}`, { headers: { ...page, cookie } });
      await assertRefused(answer, notThis);
    });
  });

  it("leads back to the page that was wanted, and to no other place", async () => {
    for (const [wanted, expected] of [
      ["/api/pages/mailboxes/new?x=1", `${harness.base}/pages/mailboxes/new?x=1`],
      ["https://evil.example/api/pages", `${harness.base}/pages`],
      ["//evil.example/api/pages", `${harness.base}/pages`],
      ["/\\evil.example/api/pages", `${harness.base}/pages`],
      ["/api/sign-in", `${harness.base}/pages`],
      ["javascript:alert(1)", `${harness.base}/pages`],
      ["/api/pages\r\nset-cookie: a=b", `${harness.base}/pages`],
    ]) {
      const answer = await finish(await atMicrosoft(undefined, `?${new URLSearchParams({ return: wanted ?? "" })}`));
      assert.equal(answer.status, 303);
      const { origin, pathname } = new URL(answer.headers.get("location") ?? "");
      assert.equal(origin, new URL(harness.base).origin, wanted);
      if (!wanted?.includes("\r")) assert.equal(answer.headers.get("location"), expected, wanted);
      assert.ok(pathname.startsWith("/api/pages"));
      assert.deepEqual(
        answer.headers.getSetCookie().filter((line) => line.startsWith("a=")),
        [],
      );
    }
  });

  it("begins a new session each time, whatever the browser had before", async () => {
    const planted = await session();
    const began = sessionIn(await finish(await atMicrosoft(), planted)) ?? "";
    assert.ok(!began.startsWith(planted));
    const tokenOf = async (cookie: string) =>
      /name="form-token" value="([^"]+)"/.exec(await (await open(cookie)).text())?.[1];
    const [before, now] = [await tokenOf(planted), await tokenOf(began.split(";")[0] ?? "")];
    assert.ok(before && now && before !== now, "the forms of the one are none of the other");
  });

  describe("a session", () => {
    const isOpen = async (cookie: string) => (await open(cookie)).status === 200;

    it("ends after an hour without use; a page that renews itself is no use", async () => {
      const cookie = await session();
      harness.simulator.clock.advance(SESSION_IDLE_MS - MINUTE_MS);
      assert.ok(await isOpen(cookie));
      const unattended = await harness.ask("pages?unattended=1", { headers: { ...page, cookie } });
      assert.deepEqual(unattended.headers.getSetCookie(), []);
      harness.simulator.clock.advance(2 * MINUTE_MS);
      assert.ok(!(await isOpen(cookie)));
    });

    it("goes on with use, for twelve hours at most", async () => {
      const person = await harness.signedIn();
      for (let hours = 0; hours + 0.5 < SESSION_LIFE_MS / HOUR_MS; hours += 0.5) {
        assert.equal(
          (await person.open(`${harness.base}/pages/mailboxes/new`)).url,
          `${harness.base}/pages/mailboxes/new`,
        );
        harness.simulator.clock.advance(HOUR_MS / 2);
      }
      assert.match((await person.open(`${harness.base}/pages`)).text, /Sign out/);
      harness.simulator.clock.advance(HOUR_MS / 2 + MINUTE_MS);
      assert.match((await person.open(`${harness.base}/pages`)).url, /oauth2\/v2\.0\/authorize/);
    });

    it("counts only unchanged, and only as a session", async () => {
      const cookie = await session();
      const value = decodeURIComponent(cookie.slice(cookie.indexOf("=") + 1));
      const parts = value.split("*");
      assert.equal(parts.length, 8);
      for (const [index, part] of parts.entries()) {
        // A salt that goes with passwords only: with a key it is neither written nor read.
        if (index === 6) continue;
        const middle = Math.floor(part.length / 2);
        const changed = `${part.slice(0, middle)}${part[middle] === "a" ? "b" : "a"}${part.slice(middle + 1)}`;
        const cookie = encodeURIComponent(parts.with(index, changed).join("*"));
        assert.ok(!(await isOpen(`${SESSION_COOKIE}=${cookie}`)), `part ${index}`);
      }
      for (const nonsense of [
        "",
        "a",
        "*******",
        "%",
        "%E0%A4%A",
        "a".repeat(5_000),
        '{"userName":"ada"}',
        "Fe26.2**0*********",
      ]) {
        assert.ok(!(await isOpen(`${SESSION_COOKIE}=${nonsense}`)), nonsense.slice(0, 20));
      }
      const { cookie: pending } = await atMicrosoft();
      assert.ok(!(await isOpen(`${SESSION_COOKIE}=${pending.slice(pending.indexOf("=") + 1)}`)));
    });

    it("sealed by another installation opens nothing, though its content is right and it names our key", async () => {
      const id = /[0-9a-f]{32}/.exec(await session())?.[0] ?? "";
      const foreign = createCookieSealer({
        newest: async () => ({ id, bytes: Buffer.alloc(32, 7) }),
        named: async () => undefined,
      });
      const ms = harness.simulator.clock.now();
      const content = {
        tenant: harness.simulator.settings.ADMIN_TENANT,
        userName: "ada@contoso.example",
        objectId: "1",
        formToken: "t".repeat(43),
        signedInAt: ms,
        seenAt: ms,
      };
      const sealed = await foreign.seal("session", content);
      assert.ok(!(await isOpen(`${SESSION_COOKIE}=${encodeURIComponent(sealed)}`)));
    });

    it("of nobody makes us ask Key Vault but now and then, whatever keys its cookie names", async () => {
      const asked = () =>
        harness.simulator.keyVault.server.requests.filter(({ path }) => path.includes("session-key")).length;
      await session();
      const before = asked();
      for (let index = 0; index < 20; index += 1) {
        const id = index.toString(16).padStart(32, "0");
        await open(`${SESSION_COOKIE}=Fe26.2*${id}*a*b*c**d*e`);
      }
      assert.ok(asked() - before <= 2, `${asked() - before} requests`);
    });

    it("ends by signing out, which leads on to Microsoft's own", async () => {
      const person = await harness.signedIn();
      const out = await person.press(`${harness.base}/sign-out`);
      assert.equal(out.status, 200);
      assert.match(out.text, /href="http:\/\/127\.0\.0\.1:\d+\/[0-9a-f-]{36}\/oauth2\/v2\.0\/logout"/);
      assert.equal(cookieValue(person, harness.base, SESSION_COOKIE), undefined);
      assert.match((await person.open(`${harness.base}/pages`)).url, /oauth2\/v2\.0\/authorize/);
      const again = await person.post(`${harness.base}/sign-out`);
      assert.match(again.text, /You are signed out/);
    });
  });

  it("that somebody ended is over for every copy of its cookie, and for no other session", async () => {
    const [mine, other] = [await session(), await session()];
    const formToken = /name="form-token" value="([^"]+)"/.exec(await (await open(mine)).text())?.[1] ?? "";
    const headers = { ...page, cookie: mine };
    const body = new URLSearchParams({ "form-token": formToken });
    assert.equal((await harness.ask("sign-out", { method: "POST", body, headers })).status, 200);
    assert.equal((await open(mine)).status, 303);
    assert.equal((await open(other)).status, 200);
  });

  describe("the key of the cookies", () => {
    const vault = () => {
      const clientId = harness.simulator.settings.MANAGED_IDENTITY_CLIENT_ID ?? "";
      const credential = new ManagedIdentityCredential({ clientId });
      return createSecrets({ vaultUrl: harness.simulator.keyVault.origin, credential, sleep: async () => {} });
    };

    it("can be renewed at any time: sessions go on, new ones take the new key", async () => {
      const before = await session();
      const secrets = vault();
      const version = await secrets.write("session-key", Buffer.alloc(32, 1).toString("base64"), {
        contentType: "text/plain",
      });
      harness.simulator.clock.advance(KEY_CACHE_MS + 1);
      assert.equal((await open(before)).status, 200);
      assert.ok((await session()).includes(version));
    });

    it("ends every session that it sealed within minutes, once its version is disabled", async () => {
      const before = await session();
      const secrets = vault();
      const leaked = /[0-9a-f]{32}/.exec(before)?.[0] ?? "";
      await secrets.write("session-key", Buffer.alloc(32, 2).toString("base64"), { contentType: "text/plain" });
      await secrets.disable("session-key", leaked);
      harness.simulator.clock.advance(KEY_CACHE_MS + 1);
      assert.equal((await open(before)).status, 303);
      assert.equal((await open(await session())).status, 200);
    });
  });

  it("writes no code, state, verifier or session into the log", async () => {
    const { fields, cookie } = await atMicrosoft();
    const answer = await finish({ fields, cookie });
    const secrets = [
      fields.get("code"),
      fields.get("state"),
      cookie.split("=")[1],
      sessionIn(answer)?.split(/[=;]/)[1],
    ];
    const log = harness.logLines.join("\n");
    assert.match(log, /"event":"signed in"/);
    for (const secret of secrets) {
      assert.ok(secret && secret.length > 20);
      assert.ok(!log.includes(secret));
    }
  });
});
