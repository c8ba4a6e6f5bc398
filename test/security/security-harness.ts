import assert from "node:assert/strict";
import path from "node:path";
import { after, before } from "node:test";
import { type FunctionsHost, startFunctionsHost } from "../simulator/host/functions-host.ts";
import { createPerson, type Person } from "../simulator/person/person.ts";
import { type Simulator, startSimulator } from "../simulator/simulator.ts";

export const FUNCTION_KEY = "a-function-key";
/** Keys of single functions. */
export const FUNCTION_KEYS = {
  "api-read": "a-key-to-read",
  "api-write": "a-key-to-write",
  "api-invite": "a-key-to-invite",
  "api-remove": "a-key-to-remove",
  "api-remove-by-post": "a-key-to-remove-by-post",
  "start-consent": "a-key-to-connect",
};
export const SESSION_COOKIE = "__Host-deskpost-session";
export const MINUTE_MS = 60_000;
export const HOUR_MS = 60 * MINUTE_MS;

/** Deskpost as it is deployed, with a mailbox in its list, for somebody who means no good. */
export interface SecurityHarness {
  readonly simulator: Simulator;
  readonly host: FunctionsHost;
  /** Such as http://localhost:7071/api */
  readonly base: string;
  readonly mailboxId: string;
  /** Every line that was logged. */
  readonly logLines: readonly string[];
  /** A person at a new browser. */
  administrator(): Person;
  owner(): Person;
  /** Somebody of the organisation without the role. */
  stranger(): Person;
  /** The same, already signed in. */
  signedIn(): Promise<Person>;
  /** A request as a program makes it: no redirect is followed, no cookie kept. */
  ask(route: string, init?: RequestInit): Promise<Response>;
  /** The status of the mailbox. */
  status(): Promise<string | undefined>;
}

export function useSecurityHarness(): SecurityHarness {
  let simulator: Simulator;
  let host: FunctionsHost;
  let base: string;
  let mailboxId: string;
  const logLines: string[] = [];

  before(async () => {
    simulator = await startSimulator({ ports: "free", desk: "uvdesk" });
    await simulator.deskpostPort.release();
    host = await startFunctionsHost({
      appFolder: path.join(import.meta.dirname, "..", ".."),
      port: simulator.deskpostPort.port,
      settings: simulator.settings,
      functionKey: FUNCTION_KEY,
      functionKeys: FUNCTION_KEYS,
      runTimers: false,
      runQueues: false,
      log: ({ message }) => logLines.push(message),
    });
    base = `${simulator.settings.PUBLIC_BASE_URL}/api`;
    const mailbox = { address: simulator.mailbox.address, desk: "uvdesk", since: "2020-01-01" };
    const added = await program("mailboxes", { method: "POST", body: JSON.stringify(mailbox) });
    assert.equal(added.status, 201);
    mailboxId = ((await added.json()) as { id: string }).id;
  });

  after(async () => {
    await host.stop();
    await simulator.stop();
  });

  const ask = (route: string, init: RequestInit = {}) => fetch(`${base}/${route}`, { redirect: "manual", ...init });
  const program = (route: string, init: RequestInit = {}) =>
    ask(route, { ...init, headers: { "x-functions-key": FUNCTION_KEY, ...init.headers } });

  return {
    get simulator() {
      return simulator;
    },
    get host() {
      return host;
    },
    get base() {
      return base;
    },
    get mailboxId() {
      return mailboxId;
    },
    logLines,
    administrator: () => createPerson(simulator.administrator),
    owner: () => createPerson(simulator.owner),
    stranger: () => createPerson(simulator.stranger),
    async signedIn() {
      const person = createPerson(simulator.administrator);
      const page = await person.signIn(`${base}/pages`);
      assert.equal(page.status, 200, page.text);
      return person;
    },
    ask,
    async status() {
      const answer = await program(`mailboxes/${mailboxId}`);
      return ((await answer.json()) as { status?: string }).status;
    },
  };
}

/** The value of a cookie that a browser keeps. */
export function cookieValue(person: Person, base: string, name: string): string | undefined {
  const pairs = (person.cookies(base) ?? "").split("; ").map((pair) => pair.split("="));
  return pairs.find(([key]) => key === name)?.[1];
}
