import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createUrls } from "../../../shared/web/urls.ts";

const urls = createUrls("https://deskpost.contoso.test");

describe("the URLs of the app", () => {
  it("come from the configured origin alone (law 8)", () => {
    for (const [url, path] of [
      [urls.origin, ""],
      [urls.redirect, "/api/finish-consent"],
      [urls.signInRedirect, "/api/finish-sign-in"],
      [urls.mailboxes, "/api/pages"],
      [urls.mailboxesUnattended, "/api/pages?unattended=1"],
      [urls.newMailbox, "/api/pages/mailboxes/new"],
      [urls.mailbox("9f2c", "pause"), "/api/pages/mailboxes/9f2c/pause"],
      [urls.connect("9f2c"), "/api/pages/mailboxes/9f2c/connect"],
      [urls.connect("9f2c", true), "/api/pages/mailboxes/9f2c/connect?account=any"],
      [urls.signIn(), "/api/sign-in"],
      [urls.signIn("/api/pages?a=b&c"), "/api/sign-in?return=%2Fapi%2Fpages%3Fa%3Db%26c"],
      [urls.signIn(undefined, true), "/api/sign-in?account=choose"],
      [urls.signOut, "/api/sign-out"],
      [urls.invitation("a+b"), "/api/invitation?invitation=a%2Bb"],
      [urls.acceptInvitation("a+b"), "/api/invitation/accept?invitation=a%2Bb"],
    ] as const) {
      assert.equal(url, `https://deskpost.contoso.test${path}`);
    }
  });

  it("keep the port of the simulator", () => {
    assert.equal(createUrls("http://localhost:7071").redirect, "http://localhost:7071/api/finish-consent");
  });

  it("never carry a function key, whose parameter is called code", () => {
    for (const url of [urls.mailboxes, urls.newMailbox, urls.connect("9f2c"), urls.mailbox("9f2c", "fetch")]) {
      assert.equal(new URL(url).search, "");
    }
  });

  it("keep an id in its place, whatever it is", () => {
    const url = new URL(urls.mailbox("../../evil?x#y", "remove"));
    assert.equal(url.pathname, "/api/pages/mailboxes/..%2F..%2Fevil%3Fx%23y/remove");
    assert.equal(new URL(urls.connect("a&account=any")).searchParams.get("account"), null);
  });

  it("lead back to pages of our own only", () => {
    for (const own of ["/api/pages", "/api/pages/mailboxes/new?x=1", "https://deskpost.contoso.test/api/pages"]) {
      assert.equal(urls.ownPath(own), own.replace(urls.origin, ""));
    }
    assert.equal(urls.ownPath("/api/pages/../pages/x"), "/api/pages/x");
    for (const other of [
      "",
      "/",
      "/api",
      "/api/sign-in",
      "/api/pagesx",
      "/api/pages/../mailboxes",
      "https://evil.test/api/pages",
      "//evil.test/api/pages",
      "/\\evil.test/api/pages",
      "\\\\evil.test/api/pages",
      "https:evil.test/api/pages",
      "https://deskpost.contoso.test@evil.test/api/pages",
      "http://deskpost.contoso.test/api/pages",
      "javascript:alert(1)//api/pages",
      "\t//evil.test/api/pages",
    ]) {
      assert.equal(urls.ownPath(other), undefined, other);
    }
  });
});
