import { type Answer, html, json, type SeenRequest } from "../simulator/stand-in.ts";
import type { TableRequest } from "../simulator/storage/memory-tables.ts";
import type { DiskOperation } from "./disk.ts";
import type { Draws } from "./draws.ts";
import type { NetworkFault } from "./network.ts";
import type { Plan } from "./plan.ts";
import type { Mail, World } from "./world.ts";

export interface Faults {
  storage(kind: "refused" | "answer lost", request: TableRequest): boolean;
  network(service: string, request: SeenRequest): NetworkFault | undefined;
  /** UVdesk stores the ticket of a mail of this name, and fails before its text is stored. */
  breaksOff(name: string): boolean;
  /** The code of the system's error. */
  disk(operation: DiskOperation): string | undefined;
  /** From now on, or no more. */
  setCalm(calm: boolean): void;
}

/**
 * So many failures are chance; after eight Deskpost may well think that the fault is the message's own. With the crashes
 * and stalls of one seed they stay below.
 */
const FAILURES_PER_MAIL = 3;
/** The real client makes so many attempts; what fails at the last one fails. */
const LAST_ATTEMPT = 4;

export interface FaultsOptions {
  readonly plan: Plan;
  readonly draws: Draws;
  readonly diskDraws: Draws;
  readonly halfDraws: Draws;
  readonly world: () => World;
  /** While the desks are out of order, they judge no mail. */
  readonly isDeskOut: () => boolean;
  /** What is written of these mails fails, and is not tried again. */
  readonly storageFailed: (mails: readonly Mail[]) => void;
  readonly trace: (line: string) => void;
}

export function createFaults(options: FaultsOptions): Faults {
  const { plan, draws, diskDraws, halfDraws, world, isDeskOut, storageFailed, trace } = options;
  const { rates, diskFaults } = plan;

  const failures = new Map<string, number>();
  const once = new Set<string>();
  let isCalm = false;

  /** Counts a failure of these mails, where each has one left. */
  function mayFail(mails: readonly Mail[]): boolean {
    if (mails.some(({ id }) => (failures.get(id) ?? 0) >= FAILURES_PER_MAIL)) return false;
    for (const { id } of mails) failures.set(id, (failures.get(id) ?? 0) + 1);
    return true;
  }

  /** What happens to a mail no more than once. */
  function firstTime(what: string, { id }: Mail): boolean {
    const isFirst = !once.has(`${what} ${id}`);
    once.add(`${what} ${id}`);
    return isFirst;
  }

  function graphFault(request: SeenRequest): NetworkFault | undefined {
    if (!draws.chance(rates.graph)) return undefined;
    const id = /\/messages\/([^/]+)/.exec(request.path)?.[1];
    const mail = id === undefined ? undefined : world().mail(decodeURIComponent(id));
    const isContent = request.path.endsWith("/$value");
    if (mail !== undefined && isContent && !mayFail([mail])) return answerFault(draws.pick(THROTTLES));
    const fault = draws.pick<NetworkFault>([
      { kind: "cut-before" },
      { kind: "cut-after" },
      answerFault(draws.pick(THROTTLES)),
      answerFault(draws.pick(THROTTLES)),
      answerFault(draws.pick(GRAPH_FAILURES)),
      ...(isContent ? CONTENT_FAULTS : []),
    ]);
    const isForOnce = fault === NOT_FOUND || fault === EMPTY;
    if (isForOnce && (mail === undefined || !firstTime("not found", mail))) return { kind: "cut-before" };
    return fault;
  }

  function deskFault(service: string, request: SeenRequest): NetworkFault | undefined {
    const mails = world().mailsIn(request.body);
    const kind = mails[0]?.kind;
    if (kind === "poison" && mails[0]?.isRepaired === false)
      return answerFault({ status: 500, body: "<html>Fatal error</html>" });
    if (kind === "unwanted" && service !== "uvdesk" && !isDeskOut())
      return answerFault({ status: 422, body: "not this one" });
    if (isCalm || !draws.chance(rates.desk) || !mayFail(mails)) return undefined;
    const choices = service === "uvdesk" ? [...DESK_FAULTS, ...UVDESK_FAULTS] : DESK_FAULTS;
    return draws.pickAny(choices);
  }

  return {
    storage: (kind, { rowKeys, attempt }) => {
      if (isCalm) return false;
      const rate = kind === "refused" ? rates.storageRefused : rates.storageAnswerLost;
      // One that failed is likely to fail again.
      if (rate === 0 || !draws.chance(attempt === 1 ? rate : 0.5)) return false;
      const rows = rowKeys.join(" ");
      const isMeant = ({ keys }: Mail) => keys.some((key) => rows.includes(key));
      const mails = attempt < LAST_ATTEMPT ? [] : world().mails.filter(isMeant);
      if (!mayFail(mails)) return false;
      storageFailed(mails);
      trace(`storage: ${kind}`);
      return true;
    },
    network: (service, request) => {
      const isGraph = service === "graph";
      const fault = isGraph ? (isCalm ? undefined : graphFault(request)) : deskFault(service, request);
      if (fault !== undefined) trace(`${service}: ${fault.kind}${"answer" in fault ? ` ${fault.answer.status}` : ""}`);
      return fault;
    },
    breaksOff: (name) => {
      if (isCalm || !halfDraws.chance(rates.desk) || !mayFail(world().mails.filter((mail) => mail.name === name)))
        return false;
      trace(`uvdesk: half a ticket of ${name}`);
      return true;
    },
    disk: (operation) => {
      if (isCalm || !diskDraws.chance(diskFaults)) return undefined;
      const code = diskDraws.pick(DISK_FAULTS[operation]);
      trace(`disk: ${code}`);
      return code;
    },
    setCalm: (calm) => {
      isCalm = calm;
    },
  };
}

function answerFault(answer: Answer): NetworkFault {
  return { kind: "answer", answer };
}

function graphError(status: number, code: string, headers: Record<string, string> = {}): Answer {
  return json(status, { error: { code, message: "" } }, headers);
}

const THROTTLES: readonly [Answer, ...Answer[]] = [
  graphError(429, "ApplicationThrottled", { "retry-after": "2.128" }),
  graphError(429, "ApplicationThrottled", { "retry-after": "45" }),
  graphError(429, "TooManyRequests", { "retry-after": "600" }),
  graphError(429, "TooManyRequests"),
  { status: 503, headers: { "retry-after": "120" } },
];
const GRAPH_FAILURES: readonly [Answer, ...Answer[]] = [
  { status: 503 },
  graphError(504, "UnknownError"),
  graphError(500, "ErrorInternalServerTransientError"),
  graphError(502, "BadGateway"),
];
const NOT_FOUND = answerFault(graphError(404, "ErrorItemNotFound"));
const EMPTY = answerFault({ status: 200, headers: { "content-type": "text/plain" } });
const CONTENT_FAULTS: readonly NetworkFault[] = [
  { kind: "cut-body", afterBytes: 40 },
  { kind: "cut-body", afterBytes: 0 },
  { kind: "cut-body", afterBytes: 170 },
  NOT_FOUND,
  NOT_FOUND,
  NOT_FOUND,
  NOT_FOUND,
  EMPTY,
];

const DISK_FAULTS: Readonly<Record<DiskOperation, readonly [string, ...string[]]>> = {
  open: ["ENOSPC", "EMFILE"],
  write: ["ENOSPC", "ENOSPC", "EIO"],
  read: ["EIO"],
  close: ["EIO"],
  scandir: ["EIO"],
  // Where somebody else is looking at it.
  unlink: ["EBUSY"],
};

const PROXY_ERROR: Answer = { status: 502, body: "<html>Bad Gateway</html>" };
const TOO_LATE: Answer = { status: 504, body: "<html>Gateway Time-out</html>" };
const DESK_FAULTS: readonly NetworkFault[] = [
  { kind: "cut-before" },
  { kind: "cut-after" },
  { kind: "other-answer", answer: PROXY_ERROR },
  { kind: "other-answer", answer: TOO_LATE },
  answerFault(PROXY_ERROR),
  answerFault({ status: 503, headers: { "retry-after": "30" } }),
  answerFault({ status: 503 }),
  answerFault({ status: 500, body: "<html>Oops</html>" }),
  answerFault({ status: 401 }),
];
/** What only a desk that is read by its words can tell from a yes. */
const UVDESK_FAULTS: readonly NetworkFault[] = [
  answerFault(html(200, "<!doctype html><h1>We will be back soon</h1>")),
  answerFault(html(200, "<!doctype html><h1>We will be back soon</h1>")),
  answerFault(json(200, { success: true })),
  { kind: "other-answer", answer: html(200, "<!doctype html><h1>Warning</h1>") },
  { kind: "other-answer", answer: html(500, "<!doctype html><h1>Oops</h1>") },
];
