import { mayBePurged, type Purged } from "../../shared/mail/ledger/ledger.ts";
import { MESSAGE, PURGED_ROW, STATE_ROW } from "../../shared/mail/ledger/ledger-rows-table.ts";
import type { Answer, SeenRequest } from "../simulator/stand-in.ts";
import type { NetworkHooks } from "./network.ts";
import type { Actor, Run } from "./scheduler.ts";
import type { RowChange, StoredRow } from "./storage.ts";
import type { Mail, World } from "./world.ts";

/** What must hold at every moment, whatever comes later. */
export interface Watch extends Pick<NetworkHooks, "arrived" | "answered" | "answerLost"> {
  changed(changes: readonly RowChange[], actor: Actor | undefined): void;
  /** A run has reported that it was throttled: it asked for peace until then. */
  throttled(run: Run, until: number): void;
  /** A run has come to its end, as far as it knows. */
  ended(run: Run): void;
  /** Storage failed at the last attempt, for what is written of these. */
  storageFailed(mails: readonly Mail[]): void;
  /** So many times more than once this mail may be at a desk that does not deduplicate. */
  excuses(mail: Mail): number;
  /** What the ledger has called delivered. */
  readonly delivered: ReadonlySet<Mail>;
}

export interface WatchOptions {
  readonly world: World;
  readonly isAtDesk: (mail: Mail) => boolean;
  readonly violated: (law: string) => void;
}

export function createWatch({ world, isAtDesk, violated }: WatchOptions): Watch {
  /** By the link that follows a page of changes: what the page named. */
  const pages = new Map<string, readonly Mail[]>();
  const recorded = new Set<Mail>();
  const delivered = new Set<Mail>();
  const purged = new Map<string, Purged>();
  const keysOf = new Map<string, Mail>();
  const excuses = new Map<Mail, number>();
  /** By the ledger's row: a mail that was moved to another organisation has one for each of its ids. */
  const claims = new Map<string, { readonly run: Run | undefined; readonly at: number }>();
  const ended = new WeakSet<Run>();
  const storageFailedAt = new Map<Mail, number>();
  const peaceUntil = new Map<string, number>();
  const peaceSince = new Map<string, number>();
  const peaceEnded = new Map<string, number>();

  const mailOf = (mailboxId: string, key: string) =>
    world.mails.find((mail) => mail.keys.includes(key) && mail.mailbox.id === mailboxId);

  function excuse(mail: Mail): void {
    excuses.set(mail, (excuses.get(mail) ?? 0) + 1);
  }

  function sawPage(answer: Answer): void {
    if (answer.status !== 200) return;
    const body = JSON.parse(String(answer.body)) as Record<string, string> & { value: Record<string, string>[] };
    const dated = body.value.filter((item) => item["@removed"] === undefined && item.receivedDateTime !== undefined);
    const mails = dated.flatMap(({ id = "" }) => world.mail(id) ?? []);
    pages.set(body["@odata.nextLink"] ?? body["@odata.deltaLink"] ?? "", mails);
  }

  function isEligible({ mailbox, receivedAt }: Mail): boolean {
    return receivedAt >= mailbox.deliverFrom && !mayBePurged(purged.get(mailbox.id), receivedAt);
  }

  function stateChanged(mailboxId: string, before: StoredRow | undefined, after: StoredRow): void {
    const now = new Date().toISOString();
    const isTaken = after.leaseOwner !== before?.leaseOwner && after.leaseOwner !== "";
    if (isTaken && before?.leaseOwner !== "" && String(before?.leaseUntil ?? "") > now) {
      violated(`mailbox ${mailboxId} is leased while another run has it`);
    }
    if (after.link === before?.link) return;
    for (const mail of pages.get(String(after.link)) ?? []) {
      if (isEligible(mail) && !recorded.has(mail)) violated(`the checkpoint is past ${mail.name}, the ledger is not`);
    }
  }

  function tookOver(mail: Mail, before: StoredRow, now: string): void {
    if (String(before.claimedUntil) > now) {
      violated(`${mail.name} is claimed while another attempt is under way`);
      return;
    }
    // An attempt whose end nobody knows.
    excuse(mail);
    const { run, at } = claims.get(String(before.rowKey)) ?? { run: undefined, at: 0 };
    if (run !== undefined && ended.has(run) && (storageFailedAt.get(mail) ?? 0) < at) {
      violated(`${mail.name} was left claimed by a run that came to its end`);
    }
  }

  function messageChanged(mail: Mail, before: StoredRow | undefined, after: StoredRow, actor: Actor | undefined): void {
    const now = new Date().toISOString();
    recorded.add(mail);
    const isClaim = after.claimedUntil !== "" && after.claimedUntil !== before?.claimedUntil;
    if (isClaim && before !== undefined && before.claimedUntil !== "") tookOver(mail, before, now);
    if (isClaim) claims.set(String(after.rowKey), { run: actor?.run, at: Date.now() });
    if (before?.state === "delivered" && after.state !== "delivered") {
      violated(`${mail.name} was called delivered, and is called ${after.state}`);
    }
    if (after.state === "delivered" && before?.state !== "delivered") {
      delivered.add(mail);
      if (!isAtDesk(mail)) violated(`${mail.name} is called delivered, and is not at the desk`);
    }
  }

  function deskSaw(service: string, request: SeenRequest, actor: Actor | undefined): void {
    const key = String(request.headers[service === "uvdesk" ? "idempotency-key" : "webhook-id"]);
    const mail = world.mailsIn(request.body).find(({ mailbox }) => mailbox.id === actor?.run?.mailboxId);
    if (mail === undefined) {
      violated(`the desk got something that no mail is: ${request.body.toString("latin1").slice(0, 200)}`);
      return;
    }
    const known = keysOf.get(key);
    if (known !== undefined && known !== mail) violated(`${mail.name} has the idempotency key of another mail`);
    keysOf.set(key, mail);
    const keys = [...keysOf.values()].filter((other) => other === mail).length;
    if (keys > mail.keys.length) violated(`${mail.name} was offered under ${keys} idempotency keys`);
    const isSettled = delivered.has(mail) && actor?.instance.isAlive === true;
    if (isSettled && service !== "uvdesk") violated(`${mail.name} is offered again after it was called delivered`);
  }

  function graphSaw(request: SeenRequest, answer: Answer, actor: Actor | undefined): void {
    if (request.path.endsWith("/messages/delta")) sawPage(answer);
    const [, id, rest] = /\/messages\/([^/]+)(\/move)?$/.exec(request.path) ?? [];
    const isAcknowledge = request.method === "PATCH" || rest !== undefined;
    const mail = id === undefined ? undefined : world.mail(decodeURIComponent(id));
    if (isAcknowledge && mail !== undefined && !delivered.has(mail)) {
      violated(`${mail.name} is acknowledged before the ledger calls it delivered`);
    }
    const mailboxId = actor?.run?.mailboxId ?? "";
    const isTooSoon = Date.now() < (peaceUntil.get(mailboxId) ?? 0) && actor?.instance.isAlive === true;
    if (isTooSoon && (actor.run?.startedAt ?? 0) >= (peaceSince.get(mailboxId) ?? 0)) {
      violated(`Graph asked to be left alone with mailbox ${mailboxId}, and was not`);
    }
  }

  return {
    delivered,
    excuses: (mail) => excuses.get(mail) ?? 0,

    changed: (changes, actor) => {
      for (const { table, rowKey, before, after } of changes) {
        const isLifted = table === "Mailboxes" && Boolean(before?.throttledUntil) && after?.throttledUntil === "";
        // A person who asks for mail at once does not ask how Graph is.
        if (!isLifted || actor?.run !== undefined) continue;
        peaceUntil.delete(rowKey);
        peaceEnded.set(rowKey, Date.now());
      }
      const ledger = changes.filter(({ table }) => table === "Ledger");
      // Messages first: a transaction does all at once.
      for (const { partitionKey, rowKey, before, after } of ledger) {
        if (after === undefined || !rowKey.startsWith(MESSAGE)) continue;
        const mail = mailOf(partitionKey, rowKey.slice(MESSAGE.length));
        if (mail === undefined) violated(`the ledger holds ${rowKey}, which no mail is`);
        else messageChanged(mail, before, after, actor);
      }
      for (const { partitionKey, rowKey, before, after } of ledger) {
        if (after === undefined) continue;
        if (rowKey === PURGED_ROW) {
          const [from, until] = [after.receivedFrom, after.receivedUntil].map((time) => new Date(String(time)));
          if (from !== undefined && until !== undefined) purged.set(partitionKey, { from, until });
        }
        if (rowKey === STATE_ROW) stateChanged(partitionKey, before, after);
      }
    },

    arrived: (service, request, answer, actor) => {
      if (service === "graph") graphSaw(request, answer, actor);
      else deskSaw(service, request, actor);
    },

    answerLost: (service, request) => {
      if (service !== "graph") for (const mail of world.mailsIn(request.body)) excuse(mail);
    },

    answered: (service, { status, headers }, actor) => {
      const asked = headers.get("retry-after");
      if (service !== "graph" || status < 429 || asked === null || actor?.run === undefined) return;
      const until = Date.now() + Number(asked) * 1_000;
      actor.run.throttledUntil = Math.min(actor.run.throttledUntil ?? until, until);
    },

    ended: (run) => void ended.add(run),

    storageFailed: (mails) => {
      for (const mail of mails) storageFailedAt.set(mail, Date.now());
    },

    throttled: ({ mailboxId, startedAt }, until) => {
      if ((peaceEnded.get(mailboxId) ?? 0) >= startedAt) return;
      peaceUntil.set(mailboxId, until);
      peaceSince.set(mailboxId, Date.now());
    },
  };
}
