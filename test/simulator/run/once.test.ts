import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { runOnce } from "./once.ts";
import { runScript } from "./run-script.ts";

const MEGABYTE = 1024 * 1024;

describe("npm start -- --once", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(path.join(os.tmpdir(), "deskpost-once-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** A folder with these files; gives its path. */
  function mailFolder(name: string, files: Readonly<Record<string, string | Buffer>>): string {
    const root = path.join(folder, name);
    mkdirSync(root);
    for (const [file, content] of Object.entries(files)) {
      mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
      writeFileSync(path.join(root, file), content);
    }
    return root;
  }

  const once = (...args: string[]) => runScript("start.ts", ["--once", ...args]);

  it("takes the samples through to UVdesk, and tells why the desk refused two of them", async () => {
    const out = path.join(folder, "samples-out");
    const { code, stdout, stderr } = await once("--out", out);
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^15 mails found\n {2}13 delivered, 2 refused, 0 quarantined, 0 pending\n/);
    assert.match(stdout, /refused {6}auto-reply\.eml: .*loop/i);
    assert.match(stdout, /refused {6}bounce\.eml: /);
    assert.equal(readdirSync(out).length, 13);
    assert.match(readFileSync(path.join(out, "plain-text.eml"), "latin1"), /^Delivered-To: help@contoso\.example\r\n/);
    assert.equal(stderr, "");
  });

  it("brings whatever lies in the folder to a webhook byte for byte, under the same names", async () => {
    const files = {
      "empty.eml": "",
      "no mail at all.EML": Buffer.from(Array.from({ length: 3_000 }, (_, index) => (index * 7_919) % 256)),
      "größe/日本 語.Eml": "From: x@example.org\nSubject: deep\n\nbody\n",
      "the same 1.eml": "From: x@example.org\r\nMessage-ID: <same@example.org>\r\n\r\nbody\r\n",
      "the same 2.eml": "From: x@example.org\r\nMessage-ID: <same@example.org>\r\n\r\nbody\r\n",
      "large.eml": Buffer.concat([
        Buffer.from("From: x@example.org\r\n\r\n"),
        Buffer.alloc(40 * MEGABYTE, "large\r\n"),
      ]),
    };
    const mail = mailFolder("odd", { ...files, "notes.txt": "no mail" });
    const out = path.join(folder, "odd-out");
    const { code, stdout, stderr } = await once("--mail", mail, "--out", out, "--desk", "webhook");
    assert.equal(code, 0, stdout + stderr);
    assert.match(stdout, /^6 mails found\n {2}6 delivered/);
    const written = readdirSync(out, { recursive: true, encoding: "utf8" }).filter((name) =>
      statSync(path.join(out, name)).isFile(),
    );
    assert.deepEqual(written.map((name) => name.split(path.sep).join("/")).sort(), Object.keys(files).sort());
    for (const [name, content] of Object.entries(files)) {
      assert.ok(readFileSync(path.join(out, name)).equals(Buffer.from(content)), name);
    }
  });

  it("prints what Deskpost logs only when asked to, beside the summary", async () => {
    const mail = mailFolder("one", { "a.eml": "From: a@example.org\r\nSubject: a\r\n\r\na" });
    const { stdout, stderr } = await once("--mail", mail, "--verbose");
    assert.match(stdout, /^1 mail found\n {2}1 delivered/);
    assert.match(stderr, /mailbox connected/);
    assert.match(stderr, /mailbox fetched/);
  });

  it("says which folder or option is wrong", async () => {
    const cases: [string[], RegExp][] = [
      [["--mail", path.join(folder, "nowhere")], /--mail: There is no folder .*nowhere/],
      [
        ["--mail", mailFolder("file-out", {}), "--out", path.join(import.meta.filename, "x")],
        /--out: .* cannot be made/,
      ],
      [["--mail", mailFolder("empty", {})], /--mail: there is no \.eml file below .*empty/],
      [["--mails", "x"], /--mails/],
      [["--desk"], /--desk must be uvdesk or webhook/],
      [["--desk", "paper"], /--desk must be uvdesk or webhook, not "paper"/],
      [["--port", "99999"], /--port must be/],
    ];
    for (const [args, message] of cases) {
      const { code, stderr } = await once(...args);
      assert.equal(code, 2, stderr);
      assert.match(stderr, message);
      assert.doesNotMatch(stderr, /\n {4}at /);
    }
  });

  it("names a port that is in use in one line", async () => {
    const server = http.createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    const { code, stderr } = await once("--port", String(port));
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^Port ${port}, needed for Deskpost, is in use\\..*--port\\.\n$`));
    await new Promise((resolve) => server.close(resolve));
  });

  it("explains itself", async () => {
    const { code, stdout } = await runScript("start.ts", ["--help"]);
    assert.equal(code, 0);
    assert.match(stdout, /--mail FOLDER/);
  });
});

describe("runOnce", () => {
  it("lets three days pass for a mail that the desk never answers, and ends with it in quarantine", async () => {
    const mail = (subject: string) => ({
      name: `${subject}.eml`,
      bytes: Buffer.from(`From: a@example.org\r\nSubject: ${subject}\r\nMessage-ID: <${subject}@example.org>\r\n\r\n`),
    });
    const report = await runOnce({
      mails: [mail("good"), mail("hopeless")],
      desk: "uvdesk",
      ports: "free",
      log: () => undefined,
      prepare: ({ uvdesk }) => {
        uvdesk.standIn.plan(
          ({ body }) => body.includes("Subject: hopeless"),
          { kind: "answer", answer: { status: 500, headers: { "content-type": "text/html" }, body: "<h1>Oops!</h1>" } },
          Number.POSITIVE_INFINITY,
        );
      },
    });
    assert.deepEqual(
      report.outcomes.map(({ name, state }) => [name, state]),
      [
        ["good.eml", "delivered"],
        ["hopeless.eml", "quarantined"],
      ],
    );
    assert.match(report.outcomes[1]?.answer ?? "", /500/);
  });
});
