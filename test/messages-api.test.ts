import assert from "node:assert/strict";
import path from "node:path";
import { after, before, describe, it } from "node:test";
import { type FunctionsHost, startFunctionsHost } from "./simulator/host/functions-host.ts";
import { createPerson } from "./simulator/person/person.ts";
import { type Simulator, startSimulator } from "./simulator/simulator.ts";

const KEY = "a-function-key";
const MAIL = (name: string) =>
  Buffer.from(
    `From: a@example.org\r\nTo: help@contoso.example\r\nSubject: ${name}\r\nMessage-ID: <${name}@example.org>\r\n\r\nGr\xfc\xdfe\r\n`,
    "latin1",
  );

interface Message {
  readonly key: string;
  readonly state: string;
  readonly answer: string;
  readonly etag?: string;
}

/** Messages, quarantine, activity and checks for programs: the bundle, over HTTP. */
describe("the messages of a mailbox, for programs", () => {
  let simulator: Simulator;
  let host: FunctionsHost;
  let base: string;
  let id: string;
  const larges = ["large", "larger"].map((name) => Buffer.concat([MAIL(name), Buffer.alloc(2_000, "x")]));

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    await simulator.deskpostPort.release();
    const { origin: url } = simulator.uvdesk;
    const settings = {
      ...simulator.settings,
      // So small a limit makes a mail of its own kind: one that can be delivered once the limit is raised.
      DESKS: JSON.stringify({ uvdesk: { kind: "uvdesk", url, maxMessageBytes: 1_024 } }),
    };
    host = await startFunctionsHost({
      appFolder: path.join(import.meta.dirname, ".."),
      port: simulator.deskpostPort.port,
      settings,
      functionKey: KEY,
      runTimers: false,
      runQueues: false,
      log: () => {},
    });
    base = `${simulator.settings.PUBLIC_BASE_URL}/api`;
    await host.runTimer("fetch-mail");
    const added = await post("mailboxes", { address: simulator.mailbox.address, desk: "uvdesk", since: "2020-01-01" });
    id = ((await added.json()) as { id: string }).id;
    for (const name of ["one", "two"]) simulator.mailbox.deliver(MAIL(name));
    for (const mime of larges) simulator.mailbox.deliver(mime);
    await createPerson({ oid: simulator.owner.oid }).connect(`${base}/start-consent?mailbox=${id}&code=${KEY}`);
    await host.drainQueues();
  });

  after(async () => {
    await host.stop();
    await simulator.stop();
  });

  const ask = (route: string, init: RequestInit = {}) =>
    fetch(`${base}/${route}`, { redirect: "manual", ...init, headers: { "x-functions-key": KEY, ...init.headers } });
  const post = (route: string, body?: unknown) =>
    ask(route, { method: "POST", ...(body !== undefined && { body: JSON.stringify(body) }) });
  const jsonOf = async <T>(response: Response | Promise<Response>) => (await (await response).json()) as T;
  const messages = async (query = "") =>
    (await jsonOf<{ messages: Message[] }>(ask(`mailboxes/${id}/messages${query}`))).messages;
  const refusal = async (response: Promise<Response>): Promise<[number, string | undefined]> => {
    const { status } = await response;
    return [status, (await jsonOf<{ code?: string }>(response.then((one) => one.clone()))).code];
  };

  it("are listed by state, as many as asked for", async () => {
    assert.equal((await messages()).length, 4);
    const quarantined = await messages("?state=quarantined");
    assert.deepEqual(
      quarantined.map(({ state, etag }) => [state, etag]),
      [
        ["quarantined", undefined],
        ["quarantined", undefined],
      ],
    );
    assert.match(quarantined[0]?.answer ?? "", /raise its limit/);
    assert.equal((await messages("?state=delivered")).length, 2);
    assert.equal((await messages("?state=delivered&limit=1")).length, 1);
    assert.deepEqual(await messages("?state=pending"), []);
  });

  it("answer a wrong question with what is wrong in it", async () => {
    const response = await ask(`mailboxes/${id}/messages?state=lost&limit=none`);
    assert.equal(response.status, 400);
    const { code, message } = await jsonOf<{ code: string; message: string }>(response);
    assert.equal(code, "INPUT_INVALID");
    assert.match(message, /state must be one of pending, .*; limit is not a number/);
    const unknown = "a".repeat(43);
    for (const key of [unknown, "x", "a%2Fb%23c"]) {
      assert.deepEqual(await refusal(ask(`mailboxes/${id}/messages/${key}`)), [404, "MESSAGE_NOT_FOUND"], key);
      assert.deepEqual(await refusal(post(`mailboxes/${id}/messages/${key}/replay`)), [404, "MESSAGE_NOT_FOUND"]);
    }
    for (const route of ["messages", "activity", `messages/${unknown}`, `messages/${unknown}/content`]) {
      assert.deepEqual(await refusal(ask(`mailboxes/0123456789abcdef/${route}`)), [404, "MAILBOX_NOT_FOUND"], route);
    }
    assert.deepEqual(await refusal(post("mailboxes/0123456789abcdef/replay")), [404, "MAILBOX_NOT_FOUND"]);
  });

  it("are not the mailbox: to delete them removes nothing", async () => {
    for (const route of ["messages", "activity", "check"])
      assert.deepEqual(await refusal(ask(`mailboxes/${id}/${route}`, { method: "DELETE" })), [400, "INPUT_INVALID"]);
    assert.equal((await ask(`mailboxes/${id}`)).status, 200);
  });

  it("need the function key, each of them", async () => {
    for (const [method, route] of [
      ["GET", "messages"],
      ["GET", "messages/x"],
      ["GET", "messages/x/content"],
      ["POST", "messages/x/replay"],
      ["POST", "messages/x/discard"],
      ["POST", "replay"],
      ["GET", "activity"],
      ["POST", "check"],
      ["GET", "account"],
      ["POST", "import"],
    ]) {
      assert.equal((await fetch(`${base}/mailboxes/${id}/${route}`, { method: method ?? "" })).status, 401, route);
    }
  });

  it("are downloaded byte for byte, as a file that no browser opens; and not where they are gone", async () => {
    const [large] = await messages("?state=quarantined");
    assert.ok(large);
    const response = await ask(`mailboxes/${id}/messages/${large.key}/content`);
    assert.equal(response.status, 200);
    assert.equal(response.headers.get("content-type"), "message/rfc822");
    assert.equal(response.headers.get("x-content-type-options"), "nosniff");
    assert.equal(response.headers.get("cache-control"), "no-store");
    assert.match(response.headers.get("content-disposition") ?? "", /^attachment; filename="[\w-]{12}\.eml"$/);
    const bytes = Buffer.from(await response.arrayBuffer());
    assert.ok(
      larges.some((mime) => mime.equals(bytes)),
      "what came is not what lies in the mailbox",
    );

    const [delivered] = await messages("?state=delivered");
    assert.ok(delivered);
    simulator.mailbox.remove(messageIdOf(delivered));
    const content = `mailboxes/${id}/messages/${delivered.key}/content`;
    assert.deepEqual(await refusal(ask(content)), [404, "MESSAGE_NOT_FOUND"]);
  });

  it("are given up with a reason, one at a time", async () => {
    const [message] = await messages("?state=quarantined");
    const route = `mailboxes/${id}/messages/${message?.key}/discard`;
    assert.deepEqual(await refusal(post(route, {})), [400, "INPUT_INVALID"]);
    assert.deepEqual(await refusal(post(route, { note: " " })), [400, "INPUT_INVALID"]);
    const discarded = await jsonOf<Message>(post(route, { note: "an advert" }));
    assert.deepEqual([discarded.state, discarded.answer, discarded.etag], ["discarded", "an advert", undefined]);
    assert.deepEqual(await refusal(post(route, { note: "again" })), [400, "INPUT_INVALID"]);
  });

  it("are replayed, one or all, and fetched at once", async () => {
    const offers = async () => (await messages("?state=quarantined")).length;
    assert.equal(await offers(), 1);
    assert.deepEqual(await jsonOf(post(`mailboxes/${id}/replay`)), { replayed: 1 });
    assert.equal(await offers(), 0);
    await host.drainQueues();
    assert.equal(await offers(), 1, "the run came at once, and the desk's limit is what it was");
    const [discarded] = await messages("?state=discarded");
    const replayed = await jsonOf<Message>(post(`mailboxes/${id}/messages/${discarded?.key}/replay`));
    assert.equal(replayed.state, "pending");
    await host.drainQueues();
    assert.equal(await offers(), 2);
    const [delivered] = await messages("?state=delivered");
    assert.deepEqual(await refusal(post(`mailboxes/${id}/messages/${delivered?.key}/replay`)), [400, "INPUT_INVALID"]);
  });

  it("have left their marks in the activity, in words", async () => {
    const { activity } = await jsonOf<{ activity: { at: string; kind: string; words: string }[] }>(
      ask(`mailboxes/${id}/activity?limit=20`),
    );
    assert.deepEqual(activity.map(({ words }) => words).reverse(), [
      "added to the list",
      `connected by ${simulator.owner.userName}`,
      "2 mails delivered",
      "2 mails quarantined: it is larger than the desk takes (TOO_LARGE)",
      "a mail in quarantine was given up",
      "1 mail taken out of quarantine to be delivered again",
      "1 mail quarantined: it is larger than the desk takes (TOO_LARGE)",
      "1 mail taken out of quarantine to be delivered again",
      "1 mail quarantined: it is larger than the desk takes (TOO_LARGE)",
    ]);
    const { mailPerHour } = await jsonOf<{ mailPerHour: { hours: string[]; total: number[] } }>(ask("mailboxes"));
    assert.deepEqual([mailPerHour.hours.length, mailPerHour.total.at(-1)], [24, 2]);
  });

  it("are accounted for, and older ones are counted before they are imported", async () => {
    simulator.mailbox.deliver(MAIL("ages ago"), { receivedAt: new Date("2019-06-01T12:00:00Z") });
    const account = await jsonOf<{ difference: number }>(ask(`mailboxes/${id}/account`));
    assert.equal(account.difference, 0);
    assert.deepEqual(await refusal(ask(`mailboxes/${id}/account?from=yesterday`)), [400, "INPUT_INVALID"]);

    const counted = await post(`mailboxes/${id}/import`, { since: "2019-01-01", dryRun: true });
    assert.equal(counted.status, 200);
    assert.partialDeepStrictEqual(await jsonOf(counted), { toDeliver: 1, started: false });
    const started = await post(`mailboxes/${id}/import`, { since: "2019-01-01" });
    assert.equal(started.status, 202);
    await host.drainQueues();
    assert.ok(simulator.uvdesk.tickets.some(({ subject }) => subject === "ages ago"));
    assert.deepEqual(await refusal(post(`mailboxes/${id}/import`, { since: "2019-01-01" })), [400, "INPUT_INVALID"]);
  });
});

function messageIdOf(message: Message): string {
  return (message as Message & { messageId: string }).messageId;
}
