import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import http from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { env } from "node:process";
import { after, before, describe, it } from "node:test";
import { runCommandLine } from "../../../shared/command-line/run-command-line.ts";
import { type FunctionsHost, startFunctionsHost } from "../../simulator/host/functions-host.ts";
import { createPerson } from "../../simulator/person/person.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";

const KEY = "a-function-key";
const REPOSITORY = path.join(import.meta.dirname, "..", "..", "..");
const ADDRESS = "help@contoso.example";
/** Loopback's port 1, where nobody listens. */
const NOWHERE = "http://127.0.0.1:1";

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly aside: string;
}

/** The command line against the functions as they are deployed. */
describe("the command line", () => {
  let simulator: Simulator;
  let host: FunctionsHost;
  let folder: string;
  let waits = 0;

  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), "deskpost-command-line-"));
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    await simulator.deskpostPort.release();
    const desks = { uvdesk: { kind: "uvdesk", url: simulator.uvdesk.origin, maxMessageBytes: 1_024 } };
    host = await startFunctionsHost({
      appFolder: REPOSITORY,
      port: simulator.deskpostPort.port,
      settings: { ...simulator.settings, DESKS: JSON.stringify(desks) },
      functionKey: KEY,
      runTimers: false,
      runQueues: false,
      log: () => {},
    });
    await host.runTimer("fetch-mail");
  });

  after(async () => {
    await host.stop();
    await simulator.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** Words are separated by spaces, but in quotes. */
  async function run(line: string, target: { url?: string; key?: string } = {}): Promise<Outcome> {
    const args = [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");
    let out = "";
    let aside = "";
    const code = await runCommandLine(args, {
      target: { url: simulator.settings.PUBLIC_BASE_URL, key: KEY, ...target },
      write: (text) => {
        out += text;
      },
      writeAside: (text) => {
        aside += text;
      },
      // Where a person waits, the queue of the platform goes on.
      sleep: async () => {
        waits += 1;
        simulator.clock.advance(1_000);
        await host.drainQueues();
      },
    });
    return { code, out, aside };
  }

  async function json<T>(line: string): Promise<T> {
    const { code, out, aside } = await run(`${line} --json`);
    assert.equal(code, 0, `${line}: ${out}${aside}`);
    return JSON.parse(out) as T;
  }

  it("leads from the empty list to the first mail", async () => {
    assert.match((await run("mailboxes list")).out, /No mailbox yet/);
    const added = await run(`mailboxes add ${ADDRESS} --desk uvdesk --since 2020-01-01`);
    assert.match(added.out, /was added as [0-9a-f]{16}\. Next: mailboxes connect/);
    const { url } = await json<{ url: string }>(`mailboxes connect ${ADDRESS}`);
    assert.ok(!url.includes(KEY), "the key shows up in a link");
    await createPerson({ oid: simulator.owner.oid }).connect(url.replace("/invitation?", "/invitation/accept?"));
    simulator.mailbox.deliver(Buffer.from(`From: a@example.org\r\nTo: ${ADDRESS}\r\nSubject: Hi\r\n\r\nHi\r\n`));
    const fetched = await run(`mailboxes fetch ${ADDRESS} --wait`);
    assert.deepEqual([fetched.code, fetched.out], [0, `${ADDRESS} was fetched; 1 delivered\n`]);
    assert.match(fetched.aside, /waiting for the run/);
    assert.ok(waits > 0);
    const list = await run("mailboxes list");
    assert.match(list.out, /^ID +ADDRESS +FOLDER +PENDING/);
    assert.match(
      list.out,
      /help@contoso\.example +inbox +0 +0 +20\d\d-\d\d-\d\d \d\d:\d\d UTC +Connected; all mail delivered\n$/,
    );
    assert.match((await run(`mailboxes show ${ADDRESS}`)).out, /^connected by +help@contoso\.example$/m);
    assert.match(
      (await run(`mailboxes activity ${ADDRESS}`)).out,
      /^20\d\d-\d\d-\d\d \d\d:\d\d UTC +1 mail delivered$/m,
    );
  });

  it("checks a mailbox, and ends with 1 where something is wrong", async () => {
    const well = await run(`mailboxes check ${ADDRESS}`);
    assert.deepEqual([well.code, well.aside], [0, "checking; this takes half a minute at most\n"]);
    assert.match(well.out, /^ok +grant +kind owner, by help@contoso\.example/m);
    simulator.uvdesk.standIn.setDown(true);
    const failing = await run(`mailboxes check ${ADDRESS}`);
    simulator.uvdesk.standIn.setDown(false);
    assert.equal(failing.code, 1);
    assert.match(failing.out, /^failed +desk +The desk does not answer/m);
  });

  it("pauses and resumes, by address or by id, in any letters", async () => {
    const [mailbox] = await json<{ id: string }[]>("mailboxes list");
    assert.equal((await run(`mailboxes pause ${ADDRESS.toUpperCase()}`)).out, `${ADDRESS} is paused\n`);
    assert.equal((await run(`mailboxes fetch ${mailbox?.id}`)).code, 1);
    assert.equal((await run(`mailboxes resume ${mailbox?.id}`)).out, `${ADDRESS} is connected\n`);
  });

  it("works through the quarantine", async () => {
    assert.match((await run(`mailboxes quarantine list ${ADDRESS}`)).out, /Nothing is in quarantine/);
    const large = Buffer.concat([
      Buffer.from(`From: a@example.org\r\nTo: ${ADDRESS}\r\nSubject: \xfc\r\n\r\n`, "latin1"),
      Buffer.alloc(2_000, "x"),
    ]);
    simulator.mailbox.deliver(large);
    await run(`mailboxes fetch ${ADDRESS} --wait`);
    const [message] = await json<{ key: string }[]>(`mailboxes quarantine list ${ADDRESS}`);
    const key = message?.key ?? assert.fail("nothing is in quarantine");
    assert.match((await run(`mailboxes quarantine list ${ADDRESS}`)).out, new RegExp(`^${key} .*raise its limit`, "m"));
    assert.match((await run(`mailboxes quarantine show ${ADDRESS} ${key}`)).out, /^state +quarantined$/m);

    const file = path.join(folder, "mail.eml");
    const download = `mailboxes quarantine download ${ADDRESS} --out "${file}" ${key}`;
    assert.equal((await run(download)).code, 0);
    assert.deepEqual(await readFile(file), large);
    assert.equal((await run(download)).code, 2, "a file was replaced");

    assert.equal((await run(`mailboxes quarantine discard ${ADDRESS} ${key}`)).code, 2, "without a note");
    const discarded = await run(`mailboxes quarantine discard ${ADDRESS} --note "an advert" ${key}`);
    assert.equal(discarded.out, `${key} is discarded\n`);
    assert.equal((await run(`mailboxes quarantine replay ${ADDRESS} ${key}`)).out, `${key} is pending again\n`);
    await host.drainQueues();
    assert.equal((await run(`mailboxes quarantine replay ${ADDRESS}`)).code, 2, "neither a key nor --all");
    const all = await run(`mailboxes quarantine replay ${ADDRESS} --all`);
    assert.deepEqual([all.out, all.aside], ["1 replayed\n", "1 replayed\n"]);
  });

  it("takes a key that begins with a hyphen for what it is", async () => {
    const { code, aside } = await run(`mailboxes quarantine show ${ADDRESS} -${"a".repeat(42)}`);
    assert.equal(code, 1);
    assert.match(aside, /^MESSAGE_NOT_FOUND: .* has no message -a{42}: it was purged/m);
  });

  it("accounts and imports, with 1 where mail is missing", async () => {
    const asked: string[] = [];
    const server = http.createServer((request, answer) => {
      let body = "";
      request.on("data", (chunk) => {
        body += chunk;
      });
      request.on("end", () => {
        asked.push(`${request.method} ${request.url} ${body}`.trimEnd());
        const account = { from: "2026-01-01", received: 3, states: { delivered: 2 }, inFolder: 3, difference: 1 };
        answer.end(JSON.stringify(request.method === "GET" ? account : { inFolder: 9, known: 2, toDeliver: 7 }));
      });
    });
    server.listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const url = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const account = await run("mailboxes account 0123456789abcdef --from 2026-01-01", { url });
    assert.equal(account.code, 1);
    assert.match(account.out, /^delivered +2$/m);
    const planned = await run("mailboxes import 0123456789abcdef --since 2026-01-01 --dry-run", { url });
    assert.equal(planned.code, 0);
    assert.match(planned.out, /^toDeliver +7\nNothing was changed$/m);
    assert.deepEqual(asked, [
      "GET /api/mailboxes/0123456789abcdef/account?from=2026-01-01",
      'POST /api/mailboxes/0123456789abcdef/import {"since":"2026-01-01","dryRun":true}',
    ]);
    server.close();
  });

  it("ends with 1 where Deskpost says no, and says why, to people and to programs", async () => {
    const refused = await run("mailboxes pause 0123456789abcdef");
    assert.deepEqual([refused.code, refused.out], [1, ""]);
    assert.match(refused.aside, /^MAILBOX_NOT_FOUND: There is no mailbox/);
    const { code, out } = await run("mailboxes show nobody@example.com --json");
    assert.equal(code, 1);
    assert.equal((JSON.parse(out) as { code: string }).code, "MAILBOX_NOT_FOUND");
    const wrongKey = await run("mailboxes list", { key: "another" });
    assert.equal(wrongKey.code, 1);
    assert.match(wrongKey.aside, /DESKPOST_KEY/);
  });

  it("ends with 2 where it is used in a wrong way, and sends nothing then", async () => {
    for (const [line, words] of [
      ["mailboxes explode", /There is no command "mailboxes explode"/],
      ["mailboxes pause", /MAILBOX is missing: mailboxes pause MAILBOX/],
      ["mailboxes pause one two", /"two" is too much/],
      ["mailboxes list --colour", /--colour/],
      [`mailboxes add ${ADDRESS}`, /--desk is missing/],
      [`mailboxes remove ${ADDRESS}`, /--yes/],
      [`mailboxes activity ${ADDRESS} --limit none`, /--limit must be a whole number/],
      ["mailboxes list --url http://deskpost.example.com", /not https/],
      ["mailboxes list --url nonsense", /not a URL/],
    ] as const) {
      const { code, out, aside } = await run(line);
      assert.deepEqual([code, out], [2, ""], line);
      assert.match(aside, words);
    }
    assert.equal((await json<unknown[]>("mailboxes list")).length, 1);
  });

  it("ends with 3 where nobody answers, or somebody else", async () => {
    const nobody = await run("mailboxes list", { url: NOWHERE });
    assert.equal(nobody.code, 3);
    assert.match(nobody.aside, /does not answer/);
    const page = http.createServer((_, answer) => answer.end("<html>")).listen(0, "127.0.0.1");
    await new Promise((resolve) => page.once("listening", resolve));
    const { port } = page.address() as { port: number };
    assert.equal((await run("mailboxes list", { url: `http://127.0.0.1:${port}` })).code, 3);
    page.close();
  });

  it("sends the key nowhere else, even where it is sent on", async () => {
    const seen: string[] = [];
    const listening = async (answer: (response: http.ServerResponse) => unknown) => {
      const server = http.createServer((request, response) => {
        seen.push(String(request.headers["x-functions-key"]));
        answer(response);
      });
      server.listen(0, "127.0.0.1");
      await new Promise((resolve) => server.once("listening", resolve));
      return { server, url: `http://127.0.0.1:${(server.address() as { port: number }).port}` };
    };
    const thief = await listening((response) => response.end('{"mailboxes":[]}'));
    const sender = await listening((response) => response.writeHead(302, { location: thief.url }).end());
    const { code } = await run("mailboxes list", { url: sender.url });
    for (const { server } of [thief, sender]) server.close();
    assert.equal(code, 3);
    assert.deepEqual(seen, [KEY]);
  });

  it("explains itself, as a whole and command by command", async () => {
    const all = await run("--help");
    assert.equal(all.code, 0);
    for (const verb of ["list", "add", "show", "pause", "resume", "fetch", "connect", "remove", "check", "activity"])
      assert.match(all.out, new RegExp(`^ {2}mailboxes ${verb}\\b`, "m"));
    for (const verb of ["quarantine list", "quarantine show", "quarantine replay", "quarantine discard", "account"])
      assert.match(all.out, new RegExp(`^ {2}mailboxes ${verb}\\b`, "m"));
    const one = await run("mailboxes import --help");
    assert.equal(one.code, 0);
    assert.match(one.out, /mailboxes import MAILBOX --since SINCE \[options\][\s\S]*--dry-run +only counts/);
  });

  it("is a program with exit codes, and takes its target from the environment", async () => {
    const script = path.join(REPOSITORY, "shared/command-line/deskpost.ts");
    const program = (target: Record<string, string>) =>
      new Promise<Outcome>((resolve) => {
        const child = execFile(
          process.execPath,
          [script, "mailboxes", "list", "--json"],
          { env: { ...env, ...target } },
          (_, out, aside) => resolve({ code: child.exitCode ?? -1, out, aside }),
        );
      });
    const url = simulator.settings.PUBLIC_BASE_URL ?? "";
    const [there, nowhere] = await Promise.all([
      program({ DESKPOST_URL: `${url}/api`, DESKPOST_KEY: KEY }),
      program({ DESKPOST_URL: NOWHERE }),
    ]);
    assert.equal(there.code, 0, there.aside);
    assert.equal((JSON.parse(there.out) as { address: string }[])[0]?.address, ADDRESS);
    assert.equal(nowhere.code, 3);
  });

  it("removes a mailbox once it is meant", async () => {
    assert.equal((await run(`mailboxes remove ${ADDRESS} --yes`)).out, `${ADDRESS} was removed\n`);
    assert.deepEqual(await json("mailboxes list"), []);
  });
});
