import assert from "node:assert/strict";
import http from "node:http";
import { after, describe, it } from "node:test";
import { HttpRequest } from "@azure/functions";
import { formOf } from "../../functions/http.ts";
import type { Page, Person } from "../simulator/person/person.ts";
import { cookieValue, FUNCTION_KEY, SESSION_COOKIE, useSecurityHarness } from "./security-harness.ts";

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(1)>`;

/** What a signed-in person's browser could be made to do or to show by somebody else. */
describe("the pages of somebody who is signed in", () => {
  const harness = useSecurityHarness();
  const url = (action: string) => `${harness.base}/pages/mailboxes/${harness.mailboxId}/${action}`;
  const tokenIn = ({ text }: Page) => /name="form-token" value="([^"]+)"/.exec(text)?.[1] ?? assert.fail("no form");
  const list = (person: Person) => person.open(`${harness.base}/pages`);

  /** A form as any site can write one: the browser brings the cookie along where the rules let it. */
  const send = (person: Person, action: string, fields: Record<string, string>, headers: Record<string, string> = {}) =>
    fetch(action, {
      method: "POST",
      redirect: "manual",
      body: new URLSearchParams(fields),
      headers: { accept: "text/html", cookie: person.cookies(action) ?? "", ...headers },
    });

  describe("change nothing", () => {
    it("by a form without the session's token, with a wrong one, or with that of another session", async () => {
      const [person, other] = [await harness.signedIn(), await harness.signedIn()];
      const foreign = tokenIn(await list(other));
      const own = tokenIn(await list(person));
      const wrong = [
        {},
        { "form-token": "" },
        { "form-token": foreign },
        { "form-token": own.slice(1) },
        { token: own },
      ];
      for (const action of [
        url("pause"),
        url("remove"),
        url("invite"),
        `${harness.base}/pages`,
        `${harness.base}/sign-out`,
      ]) {
        for (const fields of wrong) {
          const answer = await send(person, action, fields);
          assert.equal(answer.status, 403, `${action} ${JSON.stringify(fields)}`);
        }
      }
      assert.equal(await harness.status(), "new");
      assert.match((await list(person)).text, /Sign out/, "and nobody was signed out");
    });

    it("by a form of another site, even with the right token", async () => {
      const person = await harness.signedIn();
      const fields = { "form-token": tokenIn(await list(person)) };
      for (const origin of [
        "https://evil.example",
        "null",
        "http://localhost",
        `${new URL(harness.base).origin}.evil.example`,
      ]) {
        assert.equal((await send(person, url("pause"), fields, { origin })).status, 403, origin);
      }
      assert.equal(await harness.status(), "new");
      assert.equal((await send(person, url("pause"), fields, { origin: new URL(harness.base).origin })).status, 303);
      assert.equal(await harness.status(), "paused");
      await list(person);
      await person.press(url("resume"));
    });

    it("by a form of another site that a browser posts: the cookie stays behind", async () => {
      const person = await harness.signedIn();
      await person.open(harness.simulator.entra.origin);
      const page = await person.post(url("pause"), {});
      assert.equal(page.status, 401);
      assert.match(page.text, /Your session has ended, so nothing was changed/);
    });

    it("by a link: what changes something is not there for GET", async () => {
      const person = await harness.signedIn();
      for (const action of ["pause", "resume", "fetch"]) assert.equal((await person.open(url(action))).status, 404);
      assert.match((await person.open(url("remove"))).text, /Remove the mailbox/);
      assert.equal(await harness.status(), "new");
    });

    it("by the JSON interface from a page of another site", async () => {
      const headers = { "x-functions-key": FUNCTION_KEY, origin: "https://evil.example" };
      const answer = await harness.ask(`mailboxes/${harness.mailboxId}/pause`, { method: "POST", headers });
      assert.equal(answer.status, 403);
      assert.equal(answer.headers.get("access-control-allow-origin"), null);
    });
  });

  it("take no body that is larger than any form", async () => {
    const person = await harness.signedIn();
    const fields = { "form-token": tokenIn(await list(person)), address: "a".repeat(70_000) };
    const answers = [
      send(person, `${harness.base}/pages`, fields),
      send(person, `${harness.base}/finish-consent`, fields),
      send(person, `${harness.base}/finish-sign-in`, fields),
      send(person, `${harness.base}/sign-out`, fields),
      harness.ask("mailboxes", {
        method: "POST",
        headers: { "x-functions-key": FUNCTION_KEY },
        body: JSON.stringify({ address: "a".repeat(70_000) }),
      }),
    ];
    for (const answer of await Promise.all(answers)) {
      assert.equal(answer.status, 400, answer.url);
      assert.match(await answer.text(), /larger than any that belongs here/);
    }
  });

  it("refuse such a body by its announced length, without reading it", async () => {
    const headers = { "content-length": "70000000" };
    const request = new HttpRequest({ method: "POST", url: `${harness.base}/pages`, headers, body: { string: "a=b" } });
    await assert.rejects(formOf(request), { code: "INPUT_INVALID" });
    assert.equal(request.bodyUsed, false);
    const honest = new HttpRequest({ method: "POST", url: `${harness.base}/pages`, body: { string: "a=b" } });
    assert.equal((await formOf(honest)).get("a"), "b");
  });

  it("write no header that somebody else thought of", async () => {
    const person = await harness.signedIn();
    const evil = "x\r\nset-cookie: evil=1\r\nx-evil: 1";
    const addresses = [
      `${harness.base}/sign-in?return=${encodeURIComponent(`/api/pages/${evil}`)}`,
      `${harness.base}/pages/${encodeURIComponent(evil)}`,
      `${harness.base}/pages?unattended=${encodeURIComponent(evil)}`,
      `${harness.base}/pages/mailboxes/${encodeURIComponent(evil)}/connect`,
      `${harness.base}/invitation?invitation=${encodeURIComponent(evil)}`,
    ];
    for (const address of addresses) {
      for (const cookie of ["", person.cookies(harness.base) ?? ""]) {
        const { headers, status } = await fetch(address, {
          redirect: "manual",
          headers: { accept: "text/html", cookie },
        });
        assert.ok(status < 500, `${status} ${address}`);
        assert.equal(headers.get("x-evil"), null);
        assert.ok(!headers.getSetCookie().some((line) => line.startsWith("evil")));
      }
    }
  });

  it("survive cookies that are no cookies of ours", async () => {
    for (const cookie of ["%", "=", ";;;", `${SESSION_COOKIE}=%E0%A4%A`, `${SESSION_COOKIE}`, "a=b; ".repeat(300)]) {
      const answer = await harness.ask("pages", { headers: { accept: "text/html", cookie } });
      assert.equal(answer.status, 303, cookie.slice(0, 30));
    }
    const twice = await harness.signedIn();
    const own = cookieValue(twice, harness.base, SESSION_COOKIE) ?? "";
    const answer = await harness.ask("pages", {
      headers: { cookie: `${SESSION_COOKIE}=planted; ${SESSION_COOKIE}=${own}` },
    });
    assert.equal(answer.status, 303, "the first one counts, and it opens nothing");
  });

  it("know a session among cookies that were joined by a comma, and by a browser that sends each in a header", async () => {
    const person = await harness.signedIn();
    const sealed = cookieValue(person, harness.base, SESSION_COOKIE) ?? "";
    for (const cookie of [
      `${SESSION_COOKIE}=${sealed},ai_user=abc`,
      `ai_user=abc, ${SESSION_COOKIE}=${sealed}`,
      `ai_user=abc,x=y; ${SESSION_COOKIE}=${sealed};z=1`,
    ]) {
      const answer = await harness.ask("pages", { headers: { accept: "text/html", cookie } });
      assert.equal(answer.status, 200, cookie.replace(sealed, "SEALED"));
    }
    const status = await new Promise((resolve, reject) => {
      const headers = [
        "host",
        new URL(harness.base).host,
        "accept",
        "text/html",
        "cookie",
        "ai_user=abc",
        "cookie",
        `${SESSION_COOKIE}=${sealed}`,
      ];
      http
        .request(`${harness.base}/pages`, { headers }, (answer) => resolve(answer.resume().statusCode))
        .on("error", reject)
        .end();
    });
    assert.equal(status, 200);
  });

  it("tell of no mailbox and no message where an id is none that there can be", async () => {
    const person = await harness.signedIn();
    const headers = { "x-functions-key": FUNCTION_KEY };
    for (const id of [
      "a%2Fb",
      "%2F",
      "a%5Cb",
      "a%23b",
      "a%3Fb",
      "%00",
      "%0A",
      "..%2F..",
      "%C2%80",
      "x".repeat(1_500),
    ]) {
      for (const path of [
        `mailboxes/${id}`,
        `mailboxes/${id}/messages`,
        `mailboxes/${harness.mailboxId}/messages/${id}`,
        `start-consent?mailbox=${id}`,
      ]) {
        const answer = await harness.ask(path, { headers });
        assert.equal(answer.status, 404, path);
        assert.match(((await answer.json()) as { code: string }).code, /^M(?:AILBOX|ESSAGE)_NOT_FOUND$/);
      }
      for (const path of [
        `mailboxes/${id}/pause`,
        `mailboxes/${id}/invite`,
        `mailboxes/${id}/remove`,
        `mailboxes/${harness.mailboxId}/messages/${id}/replay`,
      ])
        assert.equal((await harness.ask(path, { method: "POST", headers })).status, 404, path);
      assert.equal((await harness.ask(`mailboxes/${id}`, { method: "DELETE", headers })).status, 404, id);
      assert.equal((await person.open(`${harness.base}/pages/mailboxes/${id}`)).status, 404, `page of ${id}`);
    }
  });

  describe("show as text", () => {
    after(() => harness.simulator.uvdesk.standIn.clearFaults());

    /** Everything that can be seen, as one text. */
    async function everything(): Promise<string> {
      const person = await harness.signedIn();
      const pages = [await list(person)];
      for (const action of ["remove", "invite"]) pages.push(await person.open(url(action)));
      return pages.map(({ text }) => text).join("\n");
    }
    const assertHarmless = (text: string) => {
      assert.doesNotMatch(text.replace(/="[^"]*"/g, "="), /<(?:script|img)\b|<[^>]*\son\w+=/);
    };

    it("what a mail and a desk's answer say", async () => {
      await harness.owner().connect(`${harness.base}/start-consent?mailbox=${harness.mailboxId}&code=${FUNCTION_KEY}`);
      const header = `From: ${HOSTILE} <"${HOSTILE.replaceAll('"', "")}"@evil.example>\r\nSubject: ${HOSTILE}\r\nMessage-ID: <1@example.org>`;
      harness.simulator.mailbox.deliver(Buffer.from(`${header}\r\n\r\n${HOSTILE}\r\n`));
      const body = JSON.stringify({ message: `Can't recieve email: ${HOSTILE}` });
      harness.simulator.uvdesk.standIn.plan(() => true, { kind: "answer", answer: { status: 500, body } }, 50);
      await harness.host.drainQueues();
      await harness.host.runTimer("fetch-mail");
      assert.ok(harness.simulator.uvdesk.standIn.requests.length > 0);
      assertHarmless(await everything());
      const json = await harness.ask(`mailboxes/${harness.mailboxId}/messages`, {
        headers: { accept: "text/html", "x-functions-key": FUNCTION_KEY },
      });
      assert.match(json.headers.get("content-type") ?? "", /^application\/json/);
      assert.equal(json.headers.get("x-content-type-options"), "nosniff");
    });

    it("what was entered into the form, and what Microsoft and the owner's name say", async () => {
      const person = await harness.signedIn();
      await person.open(`${harness.base}/pages/mailboxes/new`);
      const fields = {
        address: `${HOSTILE}@contoso.example`,
        folder: HOSTILE,
        desk: HOSTILE,
        since: HOSTILE,
        moveTo: HOSTILE,
      };
      const page = await person.press(`${harness.base}/pages`, fields);
      assert.equal(page.status, 400);
      assertHarmless(page.text);
      const { entra, owner } = harness.simulator;
      entra.addAccount({ ...owner, userName: `${HOSTILE}@contoso.example`, name: HOSTILE });
      await harness.owner().connect(`${harness.base}/start-consent?mailbox=${harness.mailboxId}&code=${FUNCTION_KEY}`);
      assertHarmless(await everything());
      const error = { state: "x", error: HOSTILE, error_description: HOSTILE };
      for (const route of ["finish-consent", "finish-sign-in"]) {
        assertHarmless((await person.post(`${harness.base}/${route}`, error)).text);
      }
      entra.addAccount(owner);
    });

    it("a hostile path or parameter", async () => {
      const person = await harness.signedIn();
      for (const path of [
        `pages/${encodeURIComponent(HOSTILE)}`,
        url(encodeURIComponent(HOSTILE)).slice(harness.base.length + 1),
      ]) {
        assertHarmless((await person.open(`${harness.base}/${path}`)).text);
      }
      assertHarmless((await person.open(`${harness.base}/pages/mailboxes/${encodeURIComponent(HOSTILE)}/remove`)).text);
      assertHarmless((await person.open(`${harness.base}/invitation?invitation=${encodeURIComponent(HOSTILE)}`)).text);
    });
  });
});
