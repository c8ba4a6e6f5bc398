import { setImmediate } from "node:timers/promises";

/** A process that the conductor leads. From its death on, nothing of it ever runs. */
export interface Led {
  isDead: boolean;
  /** Whether the clock moved on while it was paused in what it is at. */
  hasSlept: boolean;
}

/** A call that waits for its turn. */
interface Waiting {
  readonly led: Led;
  readonly since: number;
  readonly goOn: () => void;
}

/**
 * Leads many processes through their calls of ports, one step at a time: each call stops before it has any effect, and
 * again before its answer reaches the process. Whoever gets no turn is paused; so every interleaving can be told as a
 * list of numbers, and told again.
 */
export interface Conductor {
  /** The port, with both stops at each of its methods. */
  lead<Port extends object>(led: Led, port: Port): Port;
  /** One stop, for what is no call of a port. */
  stop(led: Led): Promise<void>;
  /** Looks something up without a stop; nobody takes a step until it is there. */
  aside<Result>(look: () => Promise<Result>): Promise<Result>;
  /** Lets one of those that wait take one step. False where nobody waits. */
  step(which: number): Promise<boolean>;
  /** Lets everybody go on, in turns, until all have come to their end. */
  runAll(): Promise<void>;
}

/** A process that waits for longer than this was asleep. */
const LONGEST_STEP_MS = 30_000;

/** A history that takes more steps than this goes on without end. */
const MOST_STEPS = 5_000;

export function createConductor(): Conductor {
  let waiting: Waiting[] = [];
  let inEffect = 0;

  function stop(led: Led): Promise<void> {
    return new Promise((goOn) => {
      if (!led.isDead) waiting.push({ led, since: Date.now(), goOn });
    });
  }

  async function aside<Result>(look: () => Promise<Result>): Promise<Result> {
    inEffect += 1;
    try {
      return await look();
    } finally {
      inEffect -= 1;
    }
  }

  async function call(led: Led, take: () => unknown): Promise<unknown> {
    await stop(led);
    const [outcome] = await Promise.allSettled([aside(async () => take())]);
    await stop(led);
    if (outcome.status === "rejected") throw outcome.reason;
    return outcome.value;
  }

  /** Until nobody is within a call. What a process does between two calls takes no time. */
  async function settled(): Promise<void> {
    do await setImmediate();
    while (inEffect > 0);
    await setImmediate();
  }

  async function step(which: number): Promise<boolean> {
    await settled();
    waiting = waiting.filter(({ led }) => !led.isDead);
    const [chosen] = waiting.splice(which % Math.max(1, waiting.length), 1);
    if (chosen === undefined) return false;
    const { led, since, goOn } = chosen;
    led.hasSlept ||= Date.now() - since > LONGEST_STEP_MS;
    goOn();
    await settled();
    if (!waiting.some((other) => other.led === led)) led.hasSlept = false;
    return true;
  }

  return {
    stop,
    aside,
    step,
    lead: (led, port) =>
      new Proxy(port, {
        get(target, name, receiver) {
          const member: unknown = Reflect.get(target, name, receiver);
          if (typeof member !== "function") return member;
          return (...args: unknown[]) => call(led, () => Reflect.apply(member, target, args));
        },
      }),
    async runAll() {
      for (let steps = 0; await step(0); steps += 1) {
        if (steps > MOST_STEPS) throw new Error("The processes go on without end");
      }
    },
  };
}
