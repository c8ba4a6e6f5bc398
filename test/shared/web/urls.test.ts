import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { createUrls } from "../../../shared/web/urls.ts";

const urls = createUrls("https://deskpost.contoso.test");

describe("the URLs of the app", () => {
  it("come from the configured origin alone (law 8)", () => {
    assert.equal(urls.origin, "https://deskpost.contoso.test");
    assert.equal(urls.redirect, "https://deskpost.contoso.test/api/finish-consent");
    assert.equal(urls.mailboxes(undefined), "https://deskpost.contoso.test/api/mailboxes");
    assert.equal(urls.newMailbox(undefined), "https://deskpost.contoso.test/api/mailboxes/new");
    assert.equal(urls.startConsent("9f2c", undefined), "https://deskpost.contoso.test/api/start-consent?mailbox=9f2c");
    assert.equal(
      urls.mailboxAction("9f2c", "pause", undefined),
      "https://deskpost.contoso.test/api/mailboxes/9f2c/pause",
    );
  });

  it("keep the port of the simulator", () => {
    assert.equal(createUrls("http://localhost:7071").redirect, "http://localhost:7071/api/finish-consent");
  });

  it("carry the function key on, encoded, but never to Microsoft", () => {
    const key = "a/b+c==&x=1";
    for (const url of [
      urls.mailboxes(key),
      urls.newMailbox(key),
      urls.startConsent("9f2c", key),
      urls.mailboxAction("9f2c", "fetch", key),
    ]) {
      assert.equal(new URL(url).searchParams.get("code"), key);
    }
    assert.equal(new URL(urls.redirect).search, "");
  });

  it("keep an id in its place, whatever it is", () => {
    const url = new URL(urls.mailboxAction("../../evil?x#y", "remove", undefined));
    assert.equal(url.pathname, "/api/mailboxes/..%2F..%2Fevil%3Fx%23y/remove");
    assert.equal(new URL(urls.startConsent("a&code=b", "key")).searchParams.get("code"), "key");
  });
});
