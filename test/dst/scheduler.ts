import { AsyncLocalStorage } from "node:async_hooks";
import type { Draws } from "./draws.ts";
import type { VirtualTime } from "./virtual-time.ts";

/** One process of Deskpost. What a dead one asked for never answers, so that nothing of it goes on. */
export interface Instance {
  readonly name: string;
  isAlive: boolean;
}

/** One run for one mailbox. */
export interface Run {
  readonly mailboxId: string;
  readonly startedAt: number;
  /** The earliest moment that Graph asked this run to wait for. */
  throttledUntil: number | undefined;
}

/** On whose behalf code runs. */
export interface Actor {
  readonly instance: Instance;
  readonly run: Run | undefined;
}

/** One call that leaves an instance, to Graph or to a desk. */
export interface Operation<T> {
  /** For the trace. */
  readonly name: string;
  /** Takes place when the request gets there. */
  readonly effect: () => Promise<T>;
  /** Aborted by the caller. */
  readonly signal?: AbortSignal | undefined;
  /** The caller hears nothing of it any more; the request itself may still get there. */
  readonly givenUp?: () => void;
}

/** A request or an answer on its way. */
interface Leg {
  readonly order: number;
  readonly actor: Actor | undefined;
  readonly what: "request" | "answer";
  readonly name: string;
  readonly since: number;
  /** Nobody waits for it any more. */
  isOrphan: boolean;
  frozenUntil: number;
  readonly go: () => void | Promise<void>;
}

/** A request that its sender has given up gets there within this time, or never. */
const ORPHAN_LIFE_MS = 120_000;

/** Every call of every instance waits here, in the open, until chance lets it go on. */
export interface Scheduler {
  readonly actor: () => Actor | undefined;
  /** Runs code on behalf of an instance. */
  as<T>(actor: Actor, work: () => T): T;
  /** A call with its two ways: the request, and then the answer. */
  operate<T>(operation: Operation<T>): Promise<T>;
  /** One of the two ways of a call to storage. What follows a request that nobody waits for any more must be its effect alone. */
  pass(what: Leg["what"], name: string): Promise<void>;
  /** Until nothing goes on by itself any more. */
  quiet(): Promise<void>;
  /** Lets one of those that wait go on. False where none can. */
  step(): boolean;
  readonly waiting: number;
  /** One call, or all of one instance, stands still for so long. */
  freeze(ms: number): void;
  thaw(): void;
  /** The instance dies. Half of its requests get there all the same, sooner or later. */
  crash(instance: Instance): void;
}

export interface SchedulerOptions {
  readonly time: VirtualTime;
  readonly draws: Draws;
  readonly trace: (line: string) => void;
}

export function createScheduler({ time, draws, trace }: SchedulerOptions): Scheduler {
  const current = new AsyncLocalStorage<Actor>();
  let legs: Leg[] = [];
  let count = 0;

  const nameOf = ({ actor, what, name }: Leg) =>
    `${actor?.instance.name ?? "-"} ${what === "request" ? ">" : "<"} ${name}`;

  function park(leg: Omit<Leg, "order" | "since" | "frozenUntil" | "isOrphan">): Leg {
    count += 1;
    const parked = { ...leg, order: count, since: time.now(), frozenUntil: 0, isOrphan: false };
    legs.push(parked);
    return parked;
  }

  function operate<T>({ name, effect, signal, givenUp }: Operation<T>): Promise<T> {
    const actor = current.getStore();
    return new Promise<T>((resolve, reject) => {
      if (actor?.instance.isAlive === false) return;
      let isOver = false;
      const end = () => {
        isOver = true;
        givenUp?.();
        request.isOrphan = true;
        if (answer !== undefined) answer.isOrphan = true;
        // Nobody is left in a dead process to hear of it.
        if (actor?.instance.isAlive !== false) reject(signal?.reason);
      };
      let answer: Leg | undefined;
      const request = park({
        actor,
        what: "request",
        name,
        go: async () => {
          // What happens at the other side happens on nobody's behalf.
          const outcome = await current.exit(() => settled(effect));
          if (isOver || request.isOrphan) return;
          answer = park({
            actor,
            what: "answer",
            name,
            go: () => {
              signal?.removeEventListener("abort", end);
              if (outcome.kind === "value") resolve(outcome.value);
              else reject(outcome.error);
            },
          });
        },
      });
      if (signal?.aborted === true) end();
      else signal?.addEventListener("abort", end, { once: true });
    });
  }

  function canGo(leg: Leg): boolean {
    return leg.frozenUntil <= time.now();
  }

  return {
    actor: () => current.getStore(),
    as: (actor, work) => current.run(actor, work),
    operate,
    pass: (what, name) =>
      new Promise((resolve) => {
        const actor = current.getStore();
        if (actor?.instance.isAlive !== false) park({ actor, what, name, go: resolve });
      }),

    quiet: async () => {
      // Blobs are read in turns of the event loop, and each shows as an immediate that is still to come.
      do await new Promise((resolve) => setImmediate(resolve));
      while (
        process.getActiveResourcesInfo().some((resource) => resource === "Immediate" || resource.startsWith("FS"))
      );
    },

    step: () => {
      legs = legs.filter((leg) => !leg.isOrphan || (leg.what === "request" && leg.since + ORPHAN_LIFE_MS > time.now()));
      const leg = draws.pickAny(legs.filter(canGo));
      if (leg === undefined) return false;
      legs = legs.filter((other) => other !== leg);
      trace(nameOf(leg));
      void leg.go();
      return true;
    },

    get waiting() {
      return legs.filter(canGo).length;
    },

    freeze: (ms) => {
      const chosen = draws.pickAny(legs);
      if (chosen === undefined) return;
      const whole = draws.chance(0.5);
      trace(`stall ${ms} ms: ${nameOf(chosen)}${whole ? " and all of its instance" : ""}`);
      for (const leg of legs) {
        if (leg === chosen || (whole && leg.actor?.instance === chosen.actor?.instance)) {
          leg.frozenUntil = time.now() + ms;
        }
      }
    },

    thaw: () => {
      for (const leg of legs) leg.frozenUntil = 0;
    },

    crash: (instance) => {
      instance.isAlive = false;
      trace(`${instance.name} dies`);
      legs = legs.filter((leg) => {
        if (leg.actor?.instance !== instance) return true;
        if (leg.what === "answer" || draws.chance(0.5)) return false;
        leg.isOrphan = true;
        return true;
      });
    },
  };
}

type Outcome<T> = { readonly kind: "value"; readonly value: T } | { readonly kind: "error"; readonly error: unknown };

async function settled<T>(effect: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { kind: "value", value: await effect() };
  } catch (error) {
    return { kind: "error", error };
  }
}
