import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { isLoopback, parseBaseUrl } from "../../../shared/platform/base-url.ts";

describe("the public address of the app", () => {
  for (const [text, origin] of [
    ["https://deskpost.contoso.test", "https://deskpost.contoso.test"],
    ["https://deskpost.contoso.test/", "https://deskpost.contoso.test"],
    ["HTTPS://DeskPost.Contoso.TEST/", "https://deskpost.contoso.test"],
    ["  https://deskpost.contoso.test\n", "https://deskpost.contoso.test"],
    ["https://deskpost.contoso.test:443", "https://deskpost.contoso.test"],
    ["https://deskpost.contoso.test:8443", "https://deskpost.contoso.test:8443"],
    ["https://bücher.test", "https://xn--bcher-kva.test"],
    ["http://localhost:7071", "http://localhost:7071"],
    ["http://127.0.0.1:7071/", "http://127.0.0.1:7071"],
    ["http://[::1]:7071", "http://[::1]:7071"],
    ["https://localhost:7071", "https://localhost:7071"],
  ] as const) {
    it(`${JSON.stringify(text)} is put right as ${origin}`, () => {
      assert.deepEqual(parseBaseUrl(text), { origin });
    });
  }

  const onlyLoopback = "is not https, and only http://localhost and http://127.0.0.1 may be";
  for (const [text, fault] of [
    [
      "http://deskpost.contoso.test",
      `"http://deskpost.contoso.test" ${onlyLoopback}; put https://deskpost.contoso.test`,
    ],
    ["http://localhost.evil.test", `"http://localhost.evil.test" ${onlyLoopback}; put https://localhost.evil.test`],
    ["http://127.0.0.2:7071", `"http://127.0.0.2:7071" ${onlyLoopback}; put https://127.0.0.2:7071`],
    ["ftp://deskpost.contoso.test", `"ftp://deskpost.contoso.test" ${onlyLoopback}; put https://deskpost.contoso.test`],
    ["deskpost.contoso.test", '"deskpost.contoso.test" has no scheme; put https://deskpost.contoso.test'],
    [
      "https://deskpost.contoso.test/api",
      '"https://deskpost.contoso.test/api" carries more than a host name; put https://deskpost.contoso.test',
    ],
    [
      "https://deskpost.contoso.test/?x=1",
      '"https://deskpost.contoso.test/?x=1" carries more than a host name; put https://deskpost.contoso.test',
    ],
    [
      "https://deskpost.contoso.test/#top",
      '"https://deskpost.contoso.test/#top" carries more than a host name; put https://deskpost.contoso.test',
    ],
    [
      "https://admin:hunter2@deskpost.contoso.test",
      "the URL carries a user name or password; put https://deskpost.contoso.test",
    ],
    ["https://", '"https://" is not a URL; put https://your-host-name'],
    ["https://desk post.test", '"https://desk post.test" is not a URL; put https://your-host-name'],
    ["", '"" is not a URL; put https://your-host-name'],
  ] as const) {
    it(`${JSON.stringify(text)} is refused with the text to put`, () => {
      assert.deepEqual(parseBaseUrl(text), { fault });
    });
  }

  it("is accepted in the form that a refusal tells to put", () => {
    for (const text of [
      "http://deskpost.contoso.test",
      "deskpost.contoso.test/api/",
      "https://a:b@deskpost.contoso.test",
    ]) {
      const refused = parseBaseUrl(text);
      assert.ok("fault" in refused);
      assert.deepEqual(parseBaseUrl(/put (\S+)$/.exec(refused.fault)?.[1] ?? ""), {
        origin: "https://deskpost.contoso.test",
      });
    }
  });
});

describe("loopback", () => {
  it("is this machine by its three names, and nothing that looks like it", () => {
    for (const host of ["localhost", "127.0.0.1", "[::1]"]) assert.ok(isLoopback(new URL(`http://${host}:1/`)), host);
    for (const host of ["localhost.test", "127.0.0.1.test", "0.0.0.0", "10.0.0.1", "[::2]"]) {
      assert.ok(!isLoopback(new URL(`http://${host}:1/`)), host);
    }
  });
});
