/** A text of the product, and what stands there instead. */
interface Edit {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** A fault that somebody might make; the simulation must find it. */
export interface PlantedFault {
  readonly name: string;
  readonly edits: readonly [Edit, ...Edit[]];
}

const LEASED_LEDGER = "shared/mail/ledger/leased-ledger-table.ts";
const LEDGER = "shared/mail/ledger/ledger-table.ts";
const ATTEMPT = "shared/mail/delivery/attempt.ts";
const POLICY = "shared/mail/delivery/delivery-policy.ts";
const SOURCE = "shared/mail/graph/graph-source.ts";
const FILES = "shared/mail/graph/mail-files.ts";
const OFFER = "    answer = await desk.deliver({";

export const PLANTED_FAULTS: readonly PlantedFault[] = [
  {
    name: "the checkpoint before the ledger",
    edits: [
      {
        file: LEASED_LEDGER,
        find: "      // Law 1: the checkpoint moves in the last transaction, together with the last messages.",
        replace: "      await writeUnderLease([], toColumns(moved));",
      },
    ],
  },
  {
    name: "the page's link before its last transaction",
    edits: [{ file: LEASED_LEDGER, find: "last ? toColumns(moved) : {}", replace: "toColumns(moved)" }],
  },
  {
    name: "settled before the desk's answer",
    edits: [
      {
        file: ATTEMPT,
        find: OFFER,
        replace: `    await options.ledger.settle(claimed, { state: "delivered", answer: "", acknowledge: false }, options.now());\n${OFFER}`,
      },
    ],
  },
  {
    name: "acknowledged before it is settled",
    edits: [
      {
        file: ATTEMPT,
        find: OFFER,
        replace: `    await source.acknowledge([claimed.messageId], options.acknowledge);\n${OFFER}`,
      },
    ],
  },
  {
    name: "no claim",
    edits: [
      {
        file: LEASED_LEDGER,
        find: "      try {\n        // Should this run die",
        replace:
          "      if (entry.key) return { ...entry, attempts, uncertain, claimedUntil };\n      try {\n        // Should this run die",
      },
    ],
  },
  {
    name: "the lease ignored",
    edits: [
      {
        file: LEDGER,
        find: "      if (!isDue(row.leaseUntil, now(), 2 * MAILBOX_LEASE_MS)) return undefined;\n",
        replace: "",
      },
    ],
  },
  {
    name: "the read flag used",
    edits: [
      {
        file: SOURCE,
        find: 'const MARKS = "receivedDateTime,',
        replace: 'const MARKS = "isRead,receivedDateTime,',
      },
      {
        file: SOURCE,
        find: 'const removed = item["@removed"] !== undefined;',
        replace: 'const removed = item["@removed"] !== undefined || item.isRead === true;',
      },
      {
        file: SOURCE,
        find: "(body.value as readonly DeltaItem[]).map((item) => {\n    const { id } = item;",
        replace:
          "(body.value as readonly DeltaItem[]).filter(({ isRead }) => !isRead).map((item) => {\n    const { id } = item;",
      },
    ],
  },
  {
    name: "a 200 taken as proof",
    edits: [
      {
        file: "shared/desks/uvdesk-answer.ts",
        find: "  if (message === undefined) {",
        replace:
          '  if (message === undefined) {\n    if (status === 200) return { kind: "accepted", words: "", reference: undefined };',
      },
    ],
  },
  {
    name: "an already processed after a half ticket counts as delivered",
    edits: [
      {
        file: "shared/desks/uvdesk.ts",
        find: "  if (known.hasThread) {",
        replace: "  if (known.hasThread || known.hasThread === false) {",
      },
    ],
  },
  {
    name: "a mail that heals a ticket has another id each time",
    edits: [
      {
        file: "shared/desks/uvdesk-repair.ts",
        find: '" heals a ticket"',
        replace: "String(Date.now())",
      },
    ],
  },
  {
    name: "Retry-After ignored",
    edits: [
      {
        file: "shared/mail/graph/graph-failure.ts",
        find: 'retryAfterMs: retryAfterMs(header("retry-after"), now),',
        replace: "retryAfterMs: undefined,",
      },
    ],
  },
  {
    name: "gone believed at once",
    edits: [
      {
        file: ATTEMPT,
        find: "  if (claimed.answer !== GONE) return lookAgain(claimed, GONE, options);",
        replace: "",
      },
    ],
  },
  {
    name: "an empty body believed at once",
    edits: [
      {
        file: ATTEMPT,
        find: "content.blob.size === 0 && !isEmptyForSure(claimed)",
        replace: "false",
      },
    ],
  },
  {
    name: "a body that broke off is offered",
    edits: [
      {
        file: SOURCE,
        find: "    yield* response.body ?? [];\n  } catch (error) {",
        replace: "    yield* response.body ?? [];\n  } catch (error) {\n    if (error instanceof TypeError) return;",
      },
    ],
  },
  {
    name: "a mail under another id is new",
    edits: [{ file: LEASED_LEDGER, find: "await copiesAmong(rows)", replace: "await copiesAmong([])" }],
  },
  {
    name: "what has a date of the future is purged like anything else",
    edits: [
      {
        file: "shared/mail/ledger/retention-table.ts",
        find: "and receivedAt lt",
        replace: "and settledAt lt",
      },
    ],
  },
  {
    name: "a resync delivers what the ledger has purged",
    edits: [
      {
        file: "shared/mail/discovery/eligibility.ts",
        find: " && !mayBePurged(ledger.purged, receivedAt)",
        replace: "",
      },
      { file: LEASED_LEDGER, find: " && !mayBePurged(purged, receivedAt)", replace: "" },
    ],
  },
  {
    name: "quarantine without proof",
    edits: [{ file: POLICY, find: "return tookOthersMeanwhile(failed) ||", replace: "return true ||" }],
  },
  {
    name: "quarantine by an old proof",
    edits: [
      {
        file: ATTEMPT,
        find: "const { lastFailedAt, firstFailedAt = now() } = claimed;",
        replace: "const { firstFailedAt: lastFailedAt, firstFailedAt = now() } = claimed;",
      },
    ],
  },
  {
    name: "another idempotency key after an uncertain attempt",
    edits: [
      {
        file: ATTEMPT,
        find: "idempotencyKey(mailboxId, claimed.key)",
        replace: 'idempotencyKey(mailboxId, claimed.uncertain ? claimed.key + "-again" : claimed.key)',
      },
    ],
  },
  {
    name: "two at a time at a desk that takes one",
    edits: [
      {
        file: "shared/desks/exclusive-desk-table.ts",
        find: "deliver: (delivery) => inThisProcess(() => deliverLocked(delivery)),",
        replace:
          "deliver: (delivery) => (deliverLocked.length < 0 ? inThisProcess(() => deliverLocked(delivery)) : desk.deliver(delivery)),",
      },
    ],
  },
  {
    name: "a run that fails over a message leaves it claimed",
    edits: [
      { file: ATTEMPT, find: "    await putBack(claimed, options);\n    throw error;", replace: "    throw error;" },
    ],
  },
  {
    name: "a large mail loses what was held in memory",
    edits: [
      {
        file: "shared/mail/graph/mail-content.ts",
        find: "for (const held of chunks.splice(0)) await file.handle.writeFile(held);",
        replace: "chunks.splice(0);",
      },
    ],
  },
  {
    name: "left-over files are not removed",
    edits: [{ file: FILES, find: "if (createdAt === undefined ||", replace: "if (createdAt !== undefined ||" }],
  },
  {
    name: "a file that cannot be removed loses the desk's answer",
    edits: [
      {
        file: FILES,
        find: "  } catch {\n    // The cleanup tells where it fails as well.",
        replace: "  } catch (error) {\n    throw error;",
      },
    ],
  },
  {
    name: "an import is lost where a run reports at the same moment",
    edits: [
      {
        file: "shared/mail/run/fetch-mailbox.ts",
        find: "        lastRun: report.run,\n",
        replace: "        lastRun: report.run,\n        deliverFrom: mailbox.deliverFrom,\n",
      },
    ],
  },
  {
    name: "an import delivers what the ledger has purged",
    edits: [
      {
        file: "shared/mail/discovery/reconcile.ts",
        find: "isEligible(receivedAt, options)",
        replace: "receivedAt >= deliverFrom",
      },
      { file: LEASED_LEDGER, find: " && !mayBePurged(purged, receivedAt)", replace: "" },
    ],
  },
  {
    name: "the mail of an import waits for ever",
    edits: [{ file: LEASED_LEDGER, find: "if (rest > 0 && hasBacklog) {", replace: "if (rest < 0 && hasBacklog) {" }],
  },
  {
    name: "a replay without the ETag",
    edits: [
      {
        file: LEDGER,
        find: "await writeMessage(client, mailboxId, entry, changes, [",
        replace: 'await writeMessage(client, mailboxId, { ...entry, etag: "*" }, changes, [',
      },
    ],
  },
  {
    name: "a replay of what the desk has",
    edits: [
      {
        file: "shared/mail/operator/quarantine.ts",
        find: "if (!REPLAYABLE.has(entry.state)) {",
        replace: "if (false) {",
      },
    ],
  },
  {
    name: "a replay of what has left the quarantine meanwhile",
    edits: [
      { file: LEDGER, find: 'return found.filter(({ state }) => state === "quarantined");', replace: "return found;" },
    ],
  },
  {
    name: "what is discarded stays in the list of the quarantine",
    edits: [
      {
        file: LEDGER,
        find: 'change(mailboxId, entry, { state: "discarded",',
        replace: 'change(mailboxId, { ...entry, state: "gone" }, { state: "discarded",',
      },
    ],
  },
  {
    name: "the audit forgets what was refused",
    edits: [
      {
        file: LEDGER,
        find: "counts[state as MessageState] += 1;",
        replace: 'if (state !== "refused") counts[state as MessageState] += 1;',
      },
    ],
  },
  {
    name: "the audit misses what the ledger has purged",
    edits: [{ file: "shared/mail/operator/audit.ts", find: "!mayBePurged(purged, receivedAt)", replace: "receivedAt" }],
  },
];
