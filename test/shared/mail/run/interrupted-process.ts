import pLimit from "p-limit";
import type { Delivery } from "../../../../shared/desks/desk.ts";
import type { ClaimedEntry } from "../../../../shared/mail/ledger/ledger.ts";
import { createFetchMailbox, type FetchMailboxDeps } from "../../../../shared/mail/run/fetch-mailbox.ts";

/** What every call says once the process is dead. */
class ProcessDied extends Error {}

/** Something that befalls a process at one of its calls to the world outside. */
export interface Interruption {
  /** The first call is 1. A function picks a call by its name, such as `desk.deliver`, and its first argument. */
  readonly atCall: number | ((name: string, subject: unknown) => boolean);
  /** Before the call has any effect, or when it has taken effect and before its answer is read. */
  readonly when: "before" | "after";
  /** It dies, or stands still until this is over and then goes on as if nothing had happened. */
  readonly what: "death" | (() => Promise<void>);
}

interface InterruptedRun {
  readonly interrupted: boolean;
  /** Idempotency keys of what the desk was given without the ledger learning what became of it. */
  readonly inFlight: ReadonlySet<string>;
}

interface Call {
  readonly number: number;
  readonly name: string;
  readonly args: readonly unknown[];
}

interface InterruptedProcess {
  run(mailboxId: string, deadline: Date): Promise<InterruptedRun>;
}

/**
 * A process that makes one run and is interrupted at one of the calls that leave it: to the registry, the ledger, Graph
 * or the desk. The calls go one at a time, so that each history can be told again. A dead process does nothing more:
 * each of its later calls fails before it has any effect.
 */
export function createInterruptedProcess(deps: FetchMailboxDeps, interruption?: Interruption): InterruptedProcess {
  const inFlight = new Set<string>();
  const oneAtATime = pLimit(1);
  let calls = 0;
  let interrupted = false;
  let isDead = false;

  function isAt({ atCall }: Interruption, call: Call): boolean {
    return typeof atCall === "number" ? atCall === call.number : atCall(call.name, call.args[0]);
  }

  async function meet(when: Interruption["when"], call: Call): Promise<void> {
    if (interruption?.when === when && isAt(interruption, call)) {
      interrupted = true;
      if (interruption.what === "death") isDead = true;
      else await interruption.what();
    }
    if (isDead) throw new ProcessDied("the process is dead");
  }

  function tookEffect({ name, args: [subject] }: Call): void {
    if (name === "desk.deliver") inFlight.add((subject as Delivery).idempotencyKey);
    if (name === "leased.settle" || name === "leased.postpone") {
      for (const key of inFlight) if (key.endsWith((subject as ClaimedEntry).key)) inFlight.delete(key);
    }
  }

  /** The port, each of its functions interruptible. */
  function interruptible<Port extends object>(portName: string, port: Port): Port {
    return new Proxy(port, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (typeof member !== "function") return member;
        return (...args: unknown[]) =>
          oneAtATime(async () => {
            calls += 1;
            const call = { number: calls, name: `${portName}.${String(property)}`, args };
            await meet("before", call);
            const result: unknown = await Reflect.apply(member, target, args);
            tookEffect(call);
            await meet("after", call);
            return result;
          });
      },
    });
  }

  const { ledger, sourceOf, deskOf, askCircuit } = deps;
  const fetchMailbox = createFetchMailbox({
    ...deps,
    registry: interruptible("registry", deps.registry),
    ledger: interruptible("ledger", {
      ...ledger,
      lease: async (mailboxId) => {
        const leased = await ledger.lease(mailboxId);
        return leased && interruptible("leased", leased);
      },
    }),
    sourceOf: (mailbox, budget) => interruptible("source", sourceOf(mailbox, budget)),
    deskOf: (mailbox) => interruptible("desk", deskOf(mailbox)),
    askCircuit: async (desk) =>
      interruptible("circuit", await interruptible("circuits", { askCircuit }).askCircuit(desk)),
  });

  return {
    async run(mailboxId, deadline) {
      try {
        await fetchMailbox({ mailboxId, deadline });
      } catch (error) {
        if (!(error instanceof ProcessDied)) throw error;
      }
      return { interrupted, inFlight };
    },
  };
}
