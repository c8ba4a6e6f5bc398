import assert from "node:assert/strict";
import { before, describe, it } from "node:test";
import type { ApiRight } from "../../shared/web/api/api-route.ts";
import { API_ROUTES } from "../../shared/web/api/api-routes.ts";
import { PAGE_ROUTES } from "../../shared/web/page-routes.ts";
import { cookieValue, FUNCTION_KEY, FUNCTION_KEYS, SESSION_COOKIE, useSecurityHarness } from "./security-harness.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

type Visitor = "nobody" | "wrong key" | "function key" | "without the role" | "foreign session" | "administrator";
type Entry = "in" | "no key" | "sign in" | "session over" | "no route";

/** Who gets into a function. Whoever is not named here gets what nobody gets. */
const EXPECTED: Readonly<Record<string, Partial<Record<Visitor, Entry>> & { readonly nobody: Entry }>> = {
  "GET finish-consent": { nobody: "in" },
  "POST finish-consent": { nobody: "in" },
  "GET finish-sign-in": { nobody: "in" },
  "POST finish-sign-in": { nobody: "in" },
  "GET health": { nobody: "in" },
  "GET invitation": { nobody: "in" },
  "GET openapi": { nobody: "in" },
  "GET api-read": { nobody: "no key", "function key": "in" },
  "POST api-write": { nobody: "no key", "function key": "in" },
  "POST api-invite": { nobody: "no key", "function key": "in" },
  "DELETE api-remove": { nobody: "no key", "function key": "in" },
  "POST api-remove-by-post": { nobody: "no key", "function key": "in" },
  "GET pages": { nobody: "sign in", administrator: "in" },
  "POST pages": { nobody: "session over", administrator: "in" },
  "GET sign-in": { nobody: "sign in" },
  "POST sign-out": { nobody: "in" },
  "GET start-consent": { nobody: "no key", "function key": "in" },
};

describe("every route, for everybody", () => {
  const harness = useSecurityHarness();
  const headers = new Map<Visitor, Record<string, string>>();

  before(async () => {
    const stranger = harness.stranger();
    const page = await stranger.signIn(`${harness.base}/pages`);
    assert.equal(page.status, 403);
    const administrator = await harness.signedIn();
    const own = cookieValue(administrator, harness.base, SESSION_COOKIE) ?? "";
    headers.set("nobody", {});
    headers.set("wrong key", { "x-functions-key": "another-key" });
    headers.set("function key", { "x-functions-key": FUNCTION_KEY });
    headers.set("without the role", { cookie: stranger.cookies(harness.base) ?? "" });
    // As another Deskpost would have sealed it: another version of another vault's key.
    headers.set("foreign session", { cookie: `${SESSION_COOKIE}=${own.replace(/[0-9a-f]{32}/, "0".repeat(32))}` });
    headers.set("administrator", { cookie: administrator.cookies(harness.base) ?? "" });
  });

  async function visit(method: string, path: string, visitor: Visitor): Promise<Entry> {
    const answer = await fetch(`${harness.simulator.settings.PUBLIC_BASE_URL}/${path}`, {
      method,
      redirect: "manual",
      headers: { accept: "text/html", ...headers.get(visitor) },
      // A form without the session's token: nothing is changed by this walk.
      ...(method === "POST" && { body: new URLSearchParams({ account: "any" }) }),
    });
    const text = await answer.text();
    const location = answer.headers.get("location") ?? "";
    if (answer.status === 404 && text === "") return "no route";
    assert.equal(answer.headers.get("x-content-type-options"), answer.status === 401 && text === "" ? null : "nosniff");
    if (answer.status === 401) return text === "" ? "no key" : "session over";
    assert.equal(answer.headers.get("cache-control"), "no-store", `${method} ${path}`);
    assert.match(answer.headers.get("strict-transport-security") ?? "", /^max-age=\d{8}$/);
    if (location.includes("/api/sign-in") || location.includes("/oauth2/v2.0/authorize")) return "sign in";
    return "in";
  }

  /** A path for a route with its parameters filled in. */
  const filled = (path: string) => path.replace("{id}", harness.mailboxId).replace(/\/\{(?:action\?|\*path)\}/, "");

  it("are all known to this test, each with its methods", () => {
    const found = harness.host.routes.flatMap(({ functionName, methods }) =>
      methods.map((one) => `${one} ${functionName}`),
    );
    assert.deepEqual(found.sort(), Object.keys(EXPECTED).sort());
    for (const { functionName, authLevel } of harness.host.routes) {
      const isKeyed = METHODS.some((one) => EXPECTED[`${one} ${functionName}`]?.["function key"] === "in");
      assert.equal(authLevel, isKeyed ? "function" : "anonymous", functionName);
    }
  });

  for (const method of METHODS) {
    it(`let in with ${method} only whom they should`, async () => {
      for (const { functionName, path } of harness.host.routes) {
        // Below a mailbox, any other method is that of a function of the API.
        const ofApi = Object.keys(EXPECTED).find((one) => one.startsWith(`${method} api-`));
        const expected = EXPECTED[`${method} ${functionName}`] ??
          (path.startsWith("api/mailboxes") && ofApi !== undefined ? EXPECTED[ofApi] : undefined) ?? {
            nobody: "no route",
          };
        for (const visitor of headers.keys()) {
          // With the key, this would remove the mailbox that the other requests are about.
          const target = /remove/.test(functionName) || method === "DELETE" ? path.replace("{id}", "none") : path;
          const entry = await visit(method, filled(target), visitor);
          assert.equal(entry, expected[visitor] ?? expected.nobody, `${method} ${path}, ${visitor}`);
        }
      }
    });
  }

  it("of the API, one by one: a key opens its own right, and no other", async () => {
    const keyOf: Record<ApiRight, readonly string[]> = {
      read: [FUNCTION_KEYS["api-read"]],
      write: [FUNCTION_KEYS["api-write"]],
      invite: [FUNCTION_KEYS["api-invite"]],
      remove: [FUNCTION_KEYS["api-remove"], FUNCTION_KEYS["api-remove-by-post"]],
    };
    const opened = new Set<string>();
    assert.ok(API_ROUTES.length >= 20);
    for (const { method, path, right } of API_ROUTES) {
      const filled = path
        .replace(":id", right === "remove" ? "none" : harness.mailboxId)
        .replace(":key", "a".repeat(43));
      // However the address is written, and by whatever method: nothing of another right comes of it.
      for (const written of [filled, `${filled}/`, filled.toUpperCase().replace("MAILBOXES", "Mailboxes")]) {
        for (const key of [...Object.values(FUNCTION_KEYS), "another-key"]) {
          const answer = await harness.ask(written, { method, headers: { "x-functions-key": key } });
          const isIn = answer.status !== 401;
          assert.ok(!isIn || keyOf[right].includes(key), `${method} ${written} with ${key}: ${answer.status}`);
          if (isIn) opened.add(`${method} ${path}`);
        }
      }
    }
    assert.equal(opened.size, API_ROUTES.length, "and each is opened by a key");
    assert.equal(await harness.status(), "new");
  });

  it("of the API leave another right's business alone, whatever the host lets through to them", async () => {
    const change = { "x-functions-key": FUNCTION_KEYS["api-write"] };
    const id = harness.mailboxId;
    for (const path of [
      `mailboxes/${id}/%72emove`,
      `mailboxes/${id}//remove`,
      `mailboxes//${id}/remove`,
      `mailboxes/${id}/remove%20`,
    ])
      await harness.ask(path, { method: "POST", headers: change });
    for (const [path, method] of [
      ["mailboxes", "DELETE"],
      [`mailboxes/${id}/messages`, "DELETE"],
    ] as const) {
      const headers = { "x-functions-key": FUNCTION_KEYS["api-remove"] };
      const body = JSON.stringify({ address: "new@contoso.example", desk: "uvdesk" });
      assert.equal((await harness.ask(path, { method, headers, body })).status, 400, path);
    }
    const list = await harness.ask("mailboxes", { headers: { "x-functions-key": FUNCTION_KEYS["api-read"] } });
    assert.deepEqual(
      ((await list.json()) as { mailboxes: { id: string }[] }).mailboxes.map((one) => one.id),
      [id],
    );
  });

  it("of the pages, one by one: without a session none shows or does anything", async () => {
    assert.ok(PAGE_ROUTES.length >= 12);
    for (const { method, path } of PAGE_ROUTES) {
      const page = `api/pages/${path.replace(":id", harness.mailboxId).replace(":key", "a-key")}`;
      for (const visitor of headers.keys()) {
        const refused = method === "GET" ? "sign in" : "session over";
        const entry = await visit(method, page, visitor);
        // The start of a consent leads to Microsoft, too.
        const leadsOn = method === "GET" && path.endsWith("/connect");
        assert.equal(entry, visitor === "administrator" && !leadsOn ? "in" : refused, `${method} ${page}, ${visitor}`);
      }
    }
    assert.equal(await harness.status(), "new");
  });

  it("answer a page that does not exist like any other, to whoever is not signed in", async () => {
    assert.equal(await visit("GET", "api/pages/nothing/here", "nobody"), "sign in");
    assert.equal(await visit("POST", "api/pages/nothing/here", "nobody"), "session over");
  });

  it("open no page with a function key in the address, as they once did", async () => {
    const answer = await harness.ask(`pages?code=${FUNCTION_KEY}`, { headers: { accept: "text/html" } });
    assert.equal(answer.status, 303);
    const list = await harness.ask(`mailboxes?code=${FUNCTION_KEY}`, { headers: { accept: "text/html" } });
    assert.match(list.headers.get("content-type") ?? "", /^application\/json/);
  });
});
