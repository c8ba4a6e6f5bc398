import { EntraError, entraErrorAnswer } from "../entra/entra-errors.ts";
import { KeyVaultError, keyVaultErrorAnswer } from "../key-vault/key-vault-errors.ts";
import { createPerson } from "../person/person.ts";
import type { DeskpostApi } from "../run/deskpost-api.ts";
import type { Simulator } from "../simulator.ts";
import type { Answer, StandIn } from "../stand-in.ts";
import type { StorageFaults } from "../storage-faults.ts";
import type { Agenda } from "./agenda.ts";
import type { DeskpostEvents } from "./deskpost-events.ts";
import type { Outage, OutageManner, OutageService, Trouble } from "./troubles-plan.ts";

const HOUR_MS = 3_600_000;
/** Whoever finds a service down tries again after this long. */
const PEOPLE_TRY_AGAIN_AFTER_MS = HOUR_MS;
/** From the moment when a mailbox needs its owner until the owner has time. */
const OWNER_COMES_AFTER_MS = { least: 3 * HOUR_MS, most: 8 * HOUR_MS };

/** A fetch makes more requests than this, even of one mailbox. */
const REQUESTS_OF_A_FETCH = 10;
/** By then the next fetch has met it. */
const BLIP_COMES_WITHIN_MS = 90 * 60_000;

/** Graph's front door when nothing behind it is well; such answers have no body. */
const GRAPH_REFUSES: Answer = { status: 503 };
const PASSING_FAULT_OF_ENTRA = 90033;
const BLOCKED_BY_POLICY = 53003;

export interface Troubles {
  readonly outagesPlayed: number;
  /** Whether something fails for which the Azure SDKs wait seconds between their attempts. */
  readonly areSlow: boolean;
  /** Mailboxes, by id, whose owner Microsoft demanded, once for each time. */
  readonly ownersDemanded: readonly string[];
  /** Whether the table storage was down then. */
  wasStorageDown(at: number): boolean;
}

export interface TroublesDeps {
  readonly simulator: Simulator;
  readonly api: DeskpostApi;
  /** Of tables and queues. */
  readonly storageFaults: StorageFaults;
  readonly agenda: Agenda;
  readonly events: DeskpostEvents;
  /** In the order of the simulator's mailboxes. */
  readonly mailboxIds: readonly string[];
  readonly random: () => number;
}

/** Lets a service fail in some manner; `undefined` makes it well again. */
type SetOutage = (manner: OutageManner | undefined) => void | Promise<void>;

/** Puts troubles on the agenda, and the people who put right what only people can. */
export function arrangeTroubles(plan: readonly Trouble[], deps: TroublesDeps): Troubles {
  const { simulator, api, storageFaults, agenda, events, mailboxIds, random } = deps;
  const { clientId, clock, desk, entra, graph, keyVault, ownedMailboxes } = simulator;
  const down = new Set<OutageService>();
  const storageOutages: Outage[] = [];
  const ownersDemanded: string[] = [];
  let outagesPlayed = 0;
  let lastBlipAt = Number.NEGATIVE_INFINITY;

  const services: Readonly<Record<OutageService, SetOutage>> = {
    Entra: failing(entra.server, () => entraErrorAnswer(new EntraError(PASSING_FAULT_OF_ENTRA))),
    "Key Vault": failing(keyVault.server, () =>
      keyVaultErrorAnswer(new KeyVaultError(503, "ServiceUnavailable", "The service is temporarily unavailable.")),
    ),
    Graph: failing(graph.server, () => GRAPH_REFUSES),
    "Table Storage": (manner) => {
      const faults = { silent: { kind: "cut-before" }, refusing: { kind: "refuse", refusal: "server-busy" } } as const;
      return storageFaults.setOutage(manner && faults[manner]);
    },
    "the desk": (manner) => desk.setMood(manner === undefined ? "ok" : manner === "silent" ? "unreachable" : "503"),
  };

  async function begin(outage: Outage): Promise<void> {
    down.add(outage.service);
    outagesPlayed += 1;
    if (outage.service === "Table Storage") storageOutages.push(outage);
    await services[outage.service](outage.manner);
  }

  async function end({ service }: Outage): Promise<void> {
    down.delete(service);
    await services[service](undefined);
  }

  /** Somebody does this as soon as it works. */
  async function untilItWorks(act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch {
      agenda.add(clock.now() + PEOPLE_TRY_AGAIN_AFTER_MS, () => untilItWorks(act));
    }
  }

  async function reconnect(mailboxId: string): Promise<void> {
    const owned = ownedMailboxes[mailboxIds.indexOf(mailboxId)];
    if (owned === undefined) throw new Error(`Nobody owns the mailbox ${mailboxId}`);
    const page = await createPerson({ oid: owned.owner.oid }).connect(api.startConsentUrl(mailboxId));
    if (page.status !== 200) throw new Error(`Connecting the mailbox ended with HTTP ${page.status}`);
    const mailbox = (await api.mailboxes()).find(({ id }) => id === mailboxId);
    if (mailbox?.status !== "connected") throw new Error(`The mailbox is ${mailbox?.status} after its owner came`);
  }

  function arrange(trouble: Trouble): void {
    const { from } = trouble;
    switch (trouble.kind) {
      case "outage":
        agenda.add(from, () => begin(trouble));
        agenda.add(trouble.until, () => end(trouble));
        break;
      case "secret-expiry":
        agenda.add(from, () => entra.expireSecrets(clientId));
        agenda.add(trouble.until, () => untilItWorks(simulator.renewClientSecret));
        break;
      case "password-reset":
        agenda.add(from, () => {
          entra.revoke(ownerOf(trouble.mailbox).oid);
          ownersDemanded.push(mailboxIds[trouble.mailbox] ?? "");
        });
        break;
      case "tenant-block":
        agenda.add(from, () => entra.refuseRefresh(BLOCKED_BY_POLICY, ownerOf(trouble.mailbox).oid));
        agenda.add(trouble.until, () => entra.refuseRefresh(undefined, ownerOf(trouble.mailbox).oid));
        break;
      case "lost-position":
        agenda.add(from, () => ownedMailboxes[trouble.mailbox]?.mailbox.expireSyncState());
        break;
      case "storage-blip": {
        const fault =
          trouble.manner === "cut-after"
            ? ({ kind: "cut-after" } as const)
            : ({ kind: "refuse", refusal: "server-busy" } as const);
        // Some request of the next fetch, not always its first.
        const after = Math.floor(random() * REQUESTS_OF_A_FETCH);
        agenda.add(from, () => {
          lastBlipAt = clock.now();
          return storageFaults.plan(fault, { after });
        });
        break;
      }
    }
  }

  function ownerOf(mailbox: number) {
    const owned = ownedMailboxes[mailbox];
    if (owned === undefined) throw new RangeError(`There is no mailbox number ${mailbox}`);
    return owned.owner;
  }

  for (const trouble of plan) arrange(trouble);
  events.on("mailbox needs its owner", (mailboxId) => {
    const { least, most } = OWNER_COMES_AFTER_MS;
    agenda.add(clock.now() + least + random() * (most - least), () => untilItWorks(() => reconnect(mailboxId)));
  });

  return {
    get outagesPlayed() {
      return outagesPlayed;
    },
    get areSlow() {
      return down.has("Key Vault") || down.has("Table Storage") || clock.now() - lastBlipAt < BLIP_COMES_WITHIN_MS;
    },
    ownersDemanded,
    wasStorageDown: (at) => storageOutages.some(({ from, until }) => at >= from && at <= until),
  };
}

/** An HTTP service that can be silent, or answer each request alike. */
function failing(server: StandIn, refusal: () => Answer): SetOutage {
  return (manner) => {
    server.setDown(manner === "silent");
    if (manner === undefined) server.clearFaults();
    const answer = refusal();
    if (manner === "refusing") server.plan(() => true, { kind: "answer", answer }, Number.POSITIVE_INFINITY);
  };
}
