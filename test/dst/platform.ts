import type { FetchOutcome } from "../../shared/mail/run/fetch-mailbox.ts";
import type { Draws } from "./draws.ts";
import type { MailPath, MailPathOptions } from "./instances.ts";
import type { Instance, Run, Scheduler } from "./scheduler.ts";

/** The Functions platform: instances that start and die, a timer that one of them gets, a queue for all. */
export interface Platform {
  /** The timer fires: one instance makes a tick, unless one is under way. */
  tick(): void;
  /** Some instance takes the next message of the queue, if there is one. */
  takeFromQueue(): void;
  /** A run for some mailbox, as the queue gives one twice or a person asks for one. */
  strayRun(mailboxId: string): void;
  /** An instance that is at work dies, and another starts in its place. False where none is. */
  crash(): boolean;
  /** Something else that some instance does. */
  work(what: string, task: (mailPath: MailPath) => Promise<void>): void;
  /** Things that instances are doing. */
  readonly underWay: number;
}

export interface PlatformOptions {
  readonly instances: number;
  readonly scheduler: Scheduler;
  readonly draws: Draws;
  readonly startMailPath: (parts: Pick<MailPathOptions, "around" | "queue">) => MailPath;
  /** A run has come to its end. */
  readonly ended: (run: Run, outcome: FetchOutcome) => void;
  readonly failed: (error: unknown) => void;
  readonly trace: (line: string) => void;
}

interface QueuedFetch {
  readonly mailboxId: string;
  /** A message that nobody took until then is gone. */
  readonly until: number;
}

interface Process {
  readonly instance: Instance;
  readonly mailPath: MailPath;
  /** Ends what it is doing where the platform is concerned: its timer lock, its messages. */
  readonly doing: Set<() => void>;
}

export function createPlatform(options: PlatformOptions): Platform {
  const { scheduler, draws, startMailPath, trace } = options;
  const queue: QueuedFetch[] = [];
  let started = 0;
  let isTicking = false;
  const processes = Array.from({ length: options.instances }, start);

  function start(): Process {
    started += 1;
    const instance: Instance = { name: `i${started}`, isAlive: true };
    const mailPath = startMailPath({
      around: async (mailboxId, fetch) => {
        const run: Run = { mailboxId, startedAt: Date.now(), throttledUntil: undefined };
        const outcome = await scheduler.as({ instance, run }, fetch);
        options.ended(run, outcome);
        return outcome;
      },
      queue: { send },
    });
    return { instance, mailPath, doing: new Set() };
  }

  async function send(mailboxIds: readonly string[], lifeSeconds: number) {
    await scheduler.pass("request", `queue ${mailboxIds.join(" ")}`);
    for (const mailboxId of mailboxIds) queue.push({ mailboxId, until: Date.now() + lifeSeconds * 1_000 });
    await scheduler.pass("answer", "queue");
    return { unsent: [] };
  }

  const some = () => processes[draws.between(0, processes.length - 1)];

  /** @param over when it is done, failed, or dead with its process */
  function begin(what: string, task: (process: Process) => Promise<void>, over: (isDone: boolean) => void): void {
    const process = some();
    if (process === undefined) return;
    trace(`${process.instance.name} begins ${what}`);
    const die = () => over(false);
    process.doing.add(die);
    scheduler.as({ instance: process.instance, run: undefined }, () => {
      task(process).then(
        () => {
          if (process.doing.delete(die)) over(true);
        },
        (error: unknown) => {
          options.failed(error);
          if (process.doing.delete(die)) over(false);
        },
      );
    });
  }

  function fetch({ mailboxId, until }: QueuedFetch, isFromQueue: boolean): void {
    begin(
      `run ${mailboxId}`,
      async ({ mailPath }) => {
        await mailPath.fetchMailbox(mailboxId);
      },
      (isDone) => {
        if (!isDone && isFromQueue) queue.push({ mailboxId, until });
      },
    );
  }

  return {
    tick: () => {
      if (isTicking) return;
      isTicking = true;
      begin(
        "tick",
        ({ mailPath }) => mailPath.fetchDueMailboxes(),
        () => {
          isTicking = false;
        },
      );
    },
    takeFromQueue: () => {
      const next = queue.shift();
      if (next !== undefined && next.until > Date.now()) fetch(next, true);
    },
    strayRun: (mailboxId) => fetch({ mailboxId, until: 0 }, false),
    crash: () => {
      const busy = processes.filter(({ doing }) => doing.size > 0);
      const dying = draws.pickAny(busy);
      if (dying === undefined) return false;
      scheduler.crash(dying.instance);
      processes[processes.indexOf(dying)] = start();
      for (const die of dying.doing) die();
      return true;
    },
    work: (what, task) =>
      begin(
        what,
        ({ mailPath }) => task(mailPath),
        () => {},
      ),
    get underWay() {
      return processes.reduce((sum, { doing }) => sum + doing.size, 0) + queue.length;
    },
  };
}
