import assert from "node:assert/strict";
import { after, before, describe, it } from "node:test";
import { setTimeout } from "node:timers/promises";
import { createPerson, type Page, type Person } from "../person/person.ts";
import { type Demo, describeDemo, startDemo } from "../run/demo.ts";

describe("the simulator's page", () => {
  let demo: Demo;
  let owner: Person;
  before(async () => {
    demo = await startDemo({ desk: "uvdesk", ports: "free", log: () => undefined });
    owner = createPerson({ oid: demo.simulator.owner.oid });
  });
  after(() => demo.stop());

  const open = () => owner.open(demo.pageUrl);
  const press = async (id: string, fields: Record<string, string> = {}): Promise<Page> => {
    await open();
    return owner.post(`${demo.pageUrl}actions/${id}`, fields);
  };
  const mailbox = async () => {
    const [report] = await demo.deskpost.api.mailboxes();
    assert.ok(report);
    return report;
  };
  const connect = async () => owner.connect(demo.deskpost.api.startConsentUrl((await mailbox()).id));
  const ticketsWith = (subject: string) => demo.simulator.uvdesk.tickets.filter((ticket) => ticket.subject === subject);

  it("shows the mailbox, links Deskpost's page, and has a button for every control", async () => {
    const { status, text } = await open();
    assert.equal(status, 200);
    assert.match(text, /Printer on the second floor does not answer/);
    assert.ok(text.includes(`href="${demo.deskpost.api.pageUrl}"`));
    for (const label of ["+90 days (Deskpost keeps running)", "The desk is down", "Entra goes down"]) {
      assert.ok(text.includes(label), label);
    }
  });

  it("tells at the start what runs where, and the one address to open", () => {
    const text = describeDemo(demo, (highlighted) => `*${highlighted}*`);
    assert.ok(text.includes(`*${demo.deskpost.api.pageUrl}*`));
    assert.equal(text.match(/https?:\/\//g)?.length, 1, "one address, so that nobody has to choose");
    assert.match(text, new RegExp(`${new URL(demo.pageUrl).port}  Simulator's page`));
    assert.match(text, /every 10 seconds/);
  });

  it("waits for the owner to connect the mailbox; then its mails become tickets", async () => {
    assert.equal((await mailbox()).status, "new");
    assert.equal(demo.simulator.uvdesk.tickets.length, 0);
    await connect();
    await press("minute");
    assert.equal((await mailbox()).status, "connected");
    assert.ok(demo.simulator.uvdesk.tickets.length >= 12);
  });

  it("shows what Deskpost sends to Application Insights: the run as a waterfall, metrics, the log", async () => {
    const { status, text } = await owner.open(`${demo.pageUrl}telemetry`);
    assert.equal(status, 200);
    for (const found of [
      "fetch mailbox",
      "GET graph /users/{id}/messages/{id}/$value",
      "POST desk uvdesk",
      "deskpost.messages",
      "outcome delivered",
      "mailbox fetched",
    ]) {
      assert.ok(text.includes(found), found);
    }
    assert.ok(!text.includes(demo.simulator.mailbox.address));
  });

  it("sends a mail that a person wrote, in any language, and escapes what it shows", async () => {
    const subject = `<script>alert("1")</script> Größe, 注文番号12345の配送先住所の変更について`;
    const { text } = await press("drop-written", { from: "a@example.org", subject, text: "Hello\r\nthere" });
    assert.match(text, /Your mail lies in the mailbox\./);
    await press("minute");
    assert.equal(ticketsWith(subject).length, 1);
    const page = (await open()).text;
    assert.ok(!page.includes("<script>alert"));
    assert.ok(page.includes("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; Größe, 注文番号12345"));
  });

  it("lets nobody write a header through a form", async () => {
    await press("drop-written", { from: "a@example.org", subject: "One\r\nX-Evil: yes", text: "" });
    await press("minute");
    assert.equal(ticketsWith("One X-Evil: yes").length, 1);
  });

  it("sends samples and files", async () => {
    const { text } = await press("drop-sample", { sample: "plain-text.eml" });
    assert.match(text, /plain-text\.eml lies in the mailbox/);
    const form = new FormData();
    const mail = "From: b@example.org\r\nSubject: From a file\r\nMessage-ID: <file@example.org>\r\n\r\nBody";
    form.append("files", new File([mail], "mine.eml"));
    const response = await fetch(`${demo.pageUrl}actions/drop-files`, {
      method: "POST",
      body: form,
      redirect: "manual",
    });
    assert.equal(response.status, 303);
    assert.match((await open()).text, /1 file lies in the mailbox/);
    await press("minute");
    assert.equal(ticketsWith("From a file").length, 1);
  });

  it("knows no other actions", async () => {
    assert.equal((await press("nonsense")).status, 404);
    assert.equal((await press("toString")).status, 404);
  });

  it("lets the desk refuse one mail, so that the quarantine can be tried", async () => {
    await press("desk-refuses-one");
    await press("drop-written", { from: "a@example.org", subject: "Into quarantine", text: "" });
    await press("minute");
    assert.equal((await mailbox()).quarantined, 1);
    await press("drop-written", { from: "a@example.org", subject: "The one behind", text: "" });
    await press("minute");
    assert.equal(ticketsWith("The one behind").length, 1);
    assert.equal(ticketsWith("Into quarantine").length, 0);
  });

  it("keeps mail pending while the desk is down or shows a maintenance page, and loses none", async () => {
    for (const [mood, subject] of [
      ["desk-unreachable", "While down"],
      ["desk-maintenance-html", "While in maintenance"],
    ] as const) {
      assert.match((await press(mood)).text, /aria-pressed="true"/);
      await press("drop-written", { from: "a@example.org", subject, text: "" });
      await press("minute");
      assert.equal((await mailbox()).pending, 1);
      await press("desk-ok");
      await press("ten-minutes");
      await press("ten-minutes");
      assert.equal((await mailbox()).pending, 0);
      assert.equal(ticketsWith(subject).length, 1);
    }
  });

  it("plays the outages of Microsoft's services, which pass", async () => {
    await press("down-graph");
    await press("minute");
    assert.equal((await mailbox()).lastError?.code, "GRAPH_UNAVAILABLE");
    await press("down-graph");
    await press("ten-minutes");
    assert.equal((await mailbox()).lastError, undefined);
    await press("down-entra");
    await press("ninety-minutes");
    assert.ok((await mailbox()).lastError);
    assert.equal((await mailbox()).status, "connected");
    await press("down-entra");
    await press("ten-minutes");
    assert.equal((await mailbox()).lastError, undefined);
    // Without its effect on Deskpost, which waits some real seconds before it gives Key Vault up.
    assert.match((await press("down-key-vault")).text, /Key Vault is down\./);
    assert.match((await press("new-secret")).text, /it takes no secret/);
    assert.match((await press("down-key-vault")).text, /Key Vault is back\./);
  });

  it("throttles Graph, and lets its delta position expire, without a mail that comes twice", async () => {
    await press("throttle");
    await press("minute");
    assert.equal((await mailbox()).lastError?.code, "GRAPH_THROTTLED");
    await press("ten-minutes");
    const before = demo.simulator.uvdesk.received.length;
    await press("expire-delta");
    await press("minute");
    await press("minute");
    assert.equal((await mailbox()).lastError, undefined);
    assert.equal(demo.simulator.uvdesk.received.length, before);
  });

  it("shows an expired client secret as an alarm of the app, until there is a new one", async () => {
    await press("expire-secret");
    await press("ninety-minutes");
    assert.equal(await demo.deskpost.api.alarm(), "APP_MISCONFIGURED");
    assert.equal((await mailbox()).status, "connected");
    await press("new-secret");
    await press("minute");
    assert.equal((await mailbox()).lastError, undefined);
    assert.equal(await demo.deskpost.api.alarm(), undefined);
  });

  it("revokes the owner's grant, which only the owner repairs", async () => {
    await press("revoke");
    await press("ninety-minutes");
    assert.equal((await mailbox()).status, "needs-owner");
    await press("admin-approval");
    await connect();
    assert.notEqual((await mailbox()).status, "connected");
    await press("admin-approval");
    await connect();
    assert.equal((await mailbox()).status, "connected");
  });

  it("loses the connection after 91 days without Deskpost, and finds all mail after the owner connected it", async () => {
    await press("drop-written", { from: "a@example.org", subject: "Before the long pause", text: "" });
    await press("ninety-one-days-off");
    assert.equal((await mailbox()).status, "needs-owner");
    await connect();
    await press("minute");
    assert.equal(ticketsWith("Before the long pause").length, 1);
  });

  it("plays days on which Deskpost runs, and says how far it is", async () => {
    const { text } = await press("ninety-days-on");
    assert.match(text, /Day 1 of 90/);
    assert.match(text, /http-equiv="refresh"/);
    while (!/Day [4-9] of 90/.test((await open()).text)) await setTimeout(50);
    assert.match((await press("day")).text, /playing already/);
    const kept = demo.deskpost.host.invocations.filter(({ name, ok }) => name === "keep-tokens" && ok);
    assert.ok(kept.length >= 3);
    assert.equal((await mailbox()).status, "connected");
  });
});
