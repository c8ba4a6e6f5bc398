/** A process that dies: from the moment of its death on, nothing of it ever runs. */
export interface Death {
  readonly happened: Promise<"dead">;
  /** Puts the death in front of a method of a port, or right behind it. `call` counts from 1. */
  at<Port extends object>(port: Port, method: keyof Port, when: "before" | "after", call?: number): Port;
}

export function createDeath(): Death {
  const { promise: happened, resolve } = Promise.withResolvers<"dead">();
  function die(): Promise<never> {
    resolve("dead");
    return new Promise(() => {});
  }
  return {
    happened,
    at(port, method, when, call = 1) {
      let calls = 0;
      return new Proxy(port, {
        get(target, name, receiver) {
          const member: unknown = Reflect.get(target, name, receiver);
          if (name !== method || typeof member !== "function") return member;
          return async (...args: unknown[]) => {
            calls += 1;
            const isItsTime = calls === call;
            if (isItsTime && when === "before") return die();
            const result: unknown = await Reflect.apply(member, target, args);
            return isItsTime ? die() : result;
          };
        },
      });
    },
  };
}
