import { createSeededRandom } from "../simulator/soak/seeded-random.ts";

/** What chance decides, all of it from one seed. */
export interface Draws {
  /** From 0 to 1, without 1. */
  readonly number: () => number;
  chance(probability: number): boolean;
  /** A whole number, both ends included. */
  between(least: number, most: number): number;
  pick<T>(choices: readonly [T, ...T[]]): T;
  /** `undefined` where there is nothing to pick. */
  pickAny<T>(choices: readonly T[]): T | undefined;
}

export function createDraws(seed: number): Draws {
  const number = createSeededRandom(seed);
  const between = (least: number, most: number) => least + Math.floor(number() * (most - least + 1));
  return {
    number,
    between,
    chance: (probability) => number() < probability,
    pick: (choices) => choices[between(0, choices.length - 1)] ?? choices[0],
    pickAny: (choices) => choices[between(0, choices.length - 1)],
  };
}
