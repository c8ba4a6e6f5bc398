import { html, raw } from "hono/html";
import { sampleMails } from "../mails/sample-mails.ts";
import type { Pacer } from "../run/pacer.ts";
import type { Simulator } from "../simulator.ts";
import { type Answer, html as htmlAnswer, type SeenRequest, type StandIn, startStandIn } from "../stand-in.ts";
import type { Control, ControlActions, ControlGroup } from "./control-actions.ts";
import { controlPageStyle } from "./control-page-style.ts";
import { telemetryPage } from "./telemetry-page.ts";
import { inWords } from "./times.ts";

/** The newest so many are listed. */
const LISTED = 50;

interface ControlPageDeps {
  readonly simulator: Simulator;
  readonly pacer: Pacer;
  readonly actions: ControlActions;
  /** Deskpost's own page, where the effects are to be seen. */
  readonly deskpostUrl: string;
}

type Html = ReturnType<typeof html>;

/** Starts the simulator's own page: plain forms, each with a redirect after it. */
export async function startControlPage(deps: ControlPageDeps): Promise<StandIn> {
  const { simulator, actions } = deps;
  let notice: string | undefined;

  async function act(request: SeenRequest, id: string): Promise<Answer> {
    const done = await actions.run(id, await readForm(request));
    if (done === undefined) return { status: 404 };
    notice = done;
    return { status: 303, headers: { location: "/" } };
  }

  await simulator.pagePort.release();
  return startStandIn({
    name: "the simulator's page",
    port: simulator.pagePort.port,
    handle: async (request) => {
      const id = /^\/actions\/([\w-]+)$/.exec(request.path)?.[1];
      if (id !== undefined && request.method === "POST") return act(request, id);
      if (request.path === "/telemetry" && request.method === "GET") {
        return htmlAnswer(200, String(await telemetryPage(simulator.insights)));
      }
      if (request.path !== "/" || request.method !== "GET") return { status: 404 };
      return htmlAnswer(200, String(await page(deps, notice)));
    },
  });
}

/** A form as browsers send it, files included. */
async function readForm({ headers, body }: SeenRequest): Promise<FormData> {
  const contentType = headers["content-type"];
  if (contentType === undefined) return new FormData();
  return new Response(new Uint8Array(body), { headers: { "content-type": contentType } }).formData();
}

function page({ simulator, pacer, actions, deskpostUrl }: ControlPageDeps, notice: string | undefined): Html {
  const { mailbox, desk } = simulator;
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <meta name="color-scheme" content="light dark">
    ${pacer.playing === undefined ? "" : html`<meta http-equiv="refresh" content="1">`}
    <title>Simulator of Deskpost</title>
    <style>${raw(controlPageStyle)}</style>
  </head>
  <body>
    <header>
      <div>
        <h1>Simulator</h1>
        <p>Microsoft 365 and a help desk, played on this machine. Do something to them here, and watch
          <a href="${deskpostUrl}">Deskpost’s page</a>.</p>
      </div>
      <p class="clock"><span>Simulated time (UTC)</span><time>${inWords(simulator.clock.now())}</time> <a href="/">look again</a></p>
    </header>
    ${pacer.playing === undefined ? "" : html`<p class="notice playing" role="status">${pacer.playing} passes; this page follows by itself.</p>`}
    ${notice === undefined ? "" : html`<p class="notice" role="status">${notice}</p>`}
    <main>
      <section class="lists">
        ${mailList(simulator)}
        ${deskList(simulator)}
      </section>
      ${dropForms(mailbox.address)}
      <div class="groups">${actions.groups.map(controlGroup)}</div>
    </main>
    <footer>
      <a href="${deskpostUrl}">Deskpost’s page</a>
      <a href="${desk.origin}">${desk.title}</a>
      <a href="/telemetry">Telemetry</a>
    </footer>
  </body>
</html>`;
}

function mailList({ mailbox }: Simulator): Html {
  const folders = new Map(
    mailbox.folders.flatMap(({ id, wellKnownName, displayName }) => {
      const name = wellKnownName ?? displayName;
      return [
        [id, name],
        [displayName, name],
      ];
    }),
  );
  const messages = mailbox.messages().toReversed();
  const rows = messages.slice(0, LISTED).map(
    ({ subject, from, folder, isRead, receivedAt }) => html`
          <li>
            <strong>${subject || "(no subject)"}</strong>
            <span>${from ?? "(no sender)"}</span>
            <span>${folders.get(folder) ?? folder}, ${isRead ? "read" : "unread"}, ${inWords(receivedAt.getTime())}</span>
          </li>`,
  );
  return list(`In the mailbox ${mailbox.address}`, messages.length, rows);
}

function deskList({ desk }: Simulator): Html {
  const items = desk.items.toReversed();
  const rows = items.slice(0, LISTED).map(
    ({ title, from, note, at }) => html`
          <li>
            <strong>${title || "(no subject)"}</strong>
            <span>${from || "(no sender)"}</span>
            <span>${note}, ${inWords(at)}</span>
          </li>`,
  );
  return list(`At the desk, ${desk.title}`, items.length, rows);
}

function list(title: string, count: number, rows: Html[]): Html {
  const more = count > LISTED ? html`<p class="quiet">The newest ${LISTED} are listed.</p>` : "";
  return html`
        <section>
          <h2>${title} <span class="count">${count}</span></h2>
          ${rows.length === 0 ? html`<p class="quiet">Nothing yet.</p>` : html`<ol class="mails">${rows}</ol>`}
          ${more}
        </section>`;
}

function dropForms(address: string): Html {
  const samples = sampleMails().map(({ name }) => html`<option>${name}</option>`);
  return html`
      <section class="drop">
        <h2>Send a mail to ${address}</h2>
        <p class="expect">It becomes a ticket with the next fetch, within ten seconds. Automatic replies and bounces are refused by the desk, which says why.</p>
        <div class="forms">
          <form method="post" action="/actions/drop-sample">
            <h3>A sample</h3>
            <label>Sample <select name="sample">${samples}</select></label>
            <button>Send it</button>
          </form>
          <form method="post" action="/actions/drop-written">
            <h3>Your own</h3>
            <label>From <input name="from" type="email" required value="anna.berg@example.org"></label>
            <label>Subject <input name="subject" required></label>
            <label>Text <textarea name="text" rows="3"></textarea></label>
            <button>Send it</button>
          </form>
          <form method="post" action="/actions/drop-files" enctype="multipart/form-data">
            <h3>From a file</h3>
            <label>.eml <input name="files" type="file" accept=".eml,message/rfc822" multiple required></label>
            <button>Send it</button>
          </form>
        </div>
      </section>`;
}

function controlGroup({ title, controls }: ControlGroup): Html {
  return html`
        <section>
          <h2>${title}</h2>
          <ul class="controls">${controls.map(controlItem)}</ul>
        </section>`;
}

function controlItem({ id, label, expect, isOn }: Control): Html {
  const pressed = isOn === undefined ? "" : raw(` aria-pressed="${isOn}"`);
  return html`
            <li>
              <form method="post" action="/actions/${id}"><button${pressed}>${label}</button></form>
              <p class="expect">${expect}</p>
            </li>`;
}
