const HOUR_MS = 3_600_000;

/** Services that fail for some hours each month. */
export const OUTAGE_SERVICES = ["Entra", "Key Vault", "Table Storage", "Graph", "the desk"] as const;

export type OutageService = (typeof OUTAGE_SERVICES)[number];

/** `silent`: connections are cut; `refusing`: the service answers, but nothing that helps. */
export type OutageManner = "silent" | "refusing";

export interface Outage {
  readonly kind: "outage";
  readonly service: OutageService;
  readonly manner: OutageManner;
  /** Simulated ms since 1970, as all times here. */
  readonly from: number;
  readonly until: number;
}

export type Trouble =
  | Outage
  /** Nobody renewed the client secret in time; somebody does after two days. */
  | { readonly kind: "secret-expiry"; readonly from: number; readonly until: number }
  /** The owner of this mailbox gets another password: the refresh tokens die. */
  | { readonly kind: "password-reset"; readonly mailbox: number; readonly from: number }
  /** A policy of the organisation blocks this owner's account for three days: AADSTS53003. */
  | { readonly kind: "tenant-block"; readonly mailbox: number; readonly from: number; readonly until: number }
  /** Graph forgets the delta positions of one mailbox. */
  | { readonly kind: "lost-position"; readonly mailbox: number; readonly from: number }
  /** One request to storage, not an outage: it takes effect, but its answer is lost; or it is refused as busy. */
  | { readonly kind: "storage-blip"; readonly manner: "cut-after" | "server-busy"; readonly from: number };

/** In less time the three troubles of days do not fit one after the other. */
export const LEAST_HOURS_WITH_TROUBLES = 14 * 24;

const HOURS_PER_MONTH = 8_760 / 12;
const SHORTEST_OUTAGE_HOURS = 2;
const LONGEST_OUTAGE_HOURS = 6;
const BLIPS_PER_MONTH = 4;
/** Nothing goes wrong any more in the last hours, so that the end shows what is lasting. */
const QUIET_END_HOURS = 12;

const SECRET_EXPIRY_HOURS = 48;
const TENANT_BLOCK_HOURS = 72;
/** After the block the daily probe has to come, and to work. */
const HEALING_HOURS = 30;
/** Until the refusal is noticed, and the owner has found the time. */
const RECONNECTING_HOURS = 24;

export interface TroublesPlanOptions {
  /** When the run begins. */
  readonly begin: number;
  readonly hours: number;
  readonly mailboxes: number;
  readonly random: () => number;
}

/** Draws what goes wrong in a run, and when. */
export function planTroubles({ begin, hours, mailboxes, random }: TroublesPlanOptions): Trouble[] {
  const usableHours = hours - QUIET_END_HOURS;
  const months = Math.max(1, Math.round(hours / HOURS_PER_MONTH));
  const monthHours = usableHours / months;
  const at = (hour: number) => begin + hour * HOUR_MS;
  const anyMailbox = () => Math.floor(random() * mailboxes);

  function outage(service: OutageService, month: number): Outage {
    const length = SHORTEST_OUTAGE_HOURS + random() * (LONGEST_OUTAGE_HOURS - SHORTEST_OUTAGE_HOURS);
    const start = month * monthHours + random() * (monthHours - length);
    const manner = random() < 0.5 ? "silent" : "refusing";
    return { kind: "outage", service, manner, from: at(start), until: at(start + length) };
  }

  function blip(month: number): Trouble {
    const manner = random() < 0.5 ? "cut-after" : "server-busy";
    return { kind: "storage-blip", manner, from: at((month + random()) * monthHours) };
  }

  function month(number: number): Trouble[] {
    return [
      ...OUTAGE_SERVICES.map((service) => outage(service, number)),
      ...Array.from({ length: BLIPS_PER_MONTH }, () => blip(number)),
      { kind: "lost-position", mailbox: anyMailbox(), from: at((number + random()) * monthHours) },
    ];
  }

  /** These come once, each in a third of the run: what one of them demands of people must not blend with another's. */
  function once(): Trouble[] {
    const third = usableHours / 3;
    const begins = [0, third, 2 * third];
    /** A moment in one of the thirds that are left, with so many hours of it to come. */
    const draw = (needed: number) => {
      const [start = 0] = begins.splice(Math.floor(random() * begins.length), 1);
      return start + random() * (third - needed);
    };
    const expiry = draw(SECRET_EXPIRY_HOURS);
    const block = draw(TENANT_BLOCK_HOURS + HEALING_HOURS);
    const reset = draw(RECONNECTING_HOURS);
    return [
      { kind: "secret-expiry", from: at(expiry), until: at(expiry + SECRET_EXPIRY_HOURS) },
      { kind: "tenant-block", mailbox: anyMailbox(), from: at(block), until: at(block + TENANT_BLOCK_HOURS) },
      { kind: "password-reset", mailbox: anyMailbox(), from: at(reset) },
    ];
  }

  const monthly = Array.from({ length: months }, (_, number) => month(number)).flat();
  return [...monthly, ...once()];
}
