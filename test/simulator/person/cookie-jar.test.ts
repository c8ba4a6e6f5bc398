import assert from "node:assert/strict";
import { afterEach, beforeEach, describe, it } from "node:test";
import { type Clock, installClock } from "../clock.ts";
import { type CookieJar, createCookieJar } from "./cookie-jar.ts";

const deskpost = new URL("http://localhost:7071/api/start-consent");
const entra = "http://127.0.0.1";

describe("the cookie jar", () => {
  let clock: Clock;
  let jar: CookieJar;
  beforeEach(() => {
    clock = installClock();
    jar = createCookieJar();
  });
  afterEach(() => clock.uninstall());

  const sent = (method: string, fromSite?: string) => jar.headerFor(deskpost, { method, fromSite });

  it("sends a cookie without SameSite along with a link, not with a form of another site", () => {
    jar.store(deskpost, ["a=1; path=/"]);
    assert.equal(sent("GET", entra), "a=1");
    assert.equal(sent("POST", entra), undefined);
    assert.equal(sent("POST", "http://localhost"), "a=1");
  });

  it("sends a cookie with SameSite=None across sites, but takes it only if it is Secure", () => {
    jar.store(deskpost, ["a=1; path=/; samesite=none", "b=2; path=/; samesite=none; secure"]);
    assert.equal(sent("POST", entra), "b=2");
  });

  it("takes the name __Host- only with what it promises", () => {
    jar.store(deskpost, ["__Host-a=1; path=/", "__Host-b=2; path=/api; secure", "__Host-c=3; path=/; secure"]);
    assert.equal(sent("GET"), "__Host-c=3");
  });

  it("refuses Secure cookies over plain http, except on this machine", () => {
    const elsewhere = new URL("http://deskpost.example/");
    jar.store(elsewhere, ["a=1; secure"]);
    assert.equal(jar.headerFor(elsewhere, { method: "GET", fromSite: undefined }), undefined);
  });

  it("keeps a cookie to its host, its path and its time", () => {
    jar.store(deskpost, ["a=1; path=/api; max-age=60", "b=2; path=/other"]);
    assert.equal(sent("GET"), "a=1");
    assert.equal(
      jar.headerFor(new URL("http://127.0.0.1:7071/api"), { method: "GET", fromSite: undefined }),
      undefined,
    );
    clock.advance(61_000);
    assert.equal(sent("GET"), undefined);
  });

  it("replaces a cookie of the same name, and forgets it with max-age=0", () => {
    jar.store(deskpost, ["a=1; path=/", "a=2; path=/"]);
    assert.equal(sent("GET"), "a=2");
    jar.store(deskpost, ["a=; path=/; max-age=0"]);
    assert.equal(sent("GET"), undefined);
  });
});
