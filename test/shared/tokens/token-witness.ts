import assert from "node:assert/strict";
import { EntraError } from "../../../shared/tokens/entra-errors.ts";
import { REFRESH_TOKEN_LIFE_MS } from "../../../shared/tokens/expiry.ts";
import type { GrantStore, StoredGrant } from "../../../shared/tokens/grant.ts";
import type { TokenEndpoint } from "../../../shared/tokens/token-endpoint.ts";
import type { KeyVault } from "../../simulator/key-vault/key-vault.ts";
import type { Led } from "./conductor.ts";

/** A refresh of a process, from the request until its answer is in its hands. */
interface InFlight {
  readonly led: Led;
  readonly secretName: string;
  readonly leaseUntil: Date;
}

/** Looks on while processes refresh tokens, and fails as soon as one of them does what none may ever do. */
export interface Witness {
  endpoint(led: Led, endpoint: TokenEndpoint): TokenEndpoint;
  grants(led: Led, grants: GrantStore): GrantStore;
  /** Remembers the refresh token that a new consent brought. */
  connected(grant: StoredGrant): void;
  /** How old the refresh token is to which the row points. */
  ageMs(grant: StoredGrant): number;
  /** Whether Microsoft would still take a refresh token that Deskpost finds for this grant, as far as its age goes. */
  hasLivingToken(grant: StoredGrant): boolean;
  /** The first thing that was wrong; a process may have swallowed it. */
  assertNothingWrong(): void;
}

export function createWitness(keyVault: KeyVault): Witness {
  const issuedAt = new Map<string, number>();
  const secretOf = new Map<string, string>();
  const leases = new Map<Led, Map<string, Date>>();
  /** Entra's answers to a process since it took its lease: final words and others. */
  const words = new Map<Led, Map<string, boolean[]>>();
  const inFlight = new Set<InFlight>();
  let wrong: unknown;

  function check(claim: () => void): void {
    try {
      claim();
    } catch (error) {
      wrong ??= error;
      throw error;
    }
  }

  const of = <Value>(all: Map<Led, Map<string, Value>>, led: Led) => {
    const found = all.get(led) ?? new Map<string, Value>();
    all.set(led, found);
    return found;
  };
  const leaseOf = (led: Led, secretName: string) => of(leases, led).get(secretName) ?? new Date(0);
  const issuedOf = (secretName: string, version: string) => {
    const value = keyVault.read(secretName).find((found) => found.version === version)?.value;
    return value === undefined ? undefined : issuedAt.get(value);
  };

  function remember(secretName: string, token: string): void {
    issuedAt.set(token, Date.now());
    secretOf.set(token, secretName);
  }

  return {
    endpoint: (led, endpoint) => ({
      ...endpoint,
      async refresh(request) {
        const secretName = secretOf.get(request.refreshToken) ?? assert.fail("a refresh token that nobody issued");
        const flight = { led, secretName, leaseUntil: leaseOf(led, secretName) };
        check(() => {
          // Nothing holds back a process that sleeps through its lease with a request on its way; see the README.
          const rivals = [...inFlight].filter(
            (other) => other.secretName === secretName && !other.led.isDead && new Date() < other.leaseUntil,
          );
          assert.equal(rivals.length, 0, "two refreshes of one mailbox at a time");
        });
        inFlight.add(flight);
        const spoken = of(words, led);
        const heard = spoken.get(secretName) ?? [];
        spoken.set(secretName, heard);
        try {
          const answer = await endpoint.refresh(request);
          if (answer.refreshToken !== undefined) remember(secretName, answer.refreshToken);
          return answer;
        } catch (error) {
          heard.push(error instanceof EntraError && error.class === "owner");
          throw error;
        } finally {
          inFlight.delete(flight);
        }
      },
    }),

    grants: (led, grants) => ({
      ...grants,
      async update(grant, changes) {
        const { secretName, secretVersion: before } = grant;
        const stored = await grants.update(grant, changes);
        if (changes.leaseUntil !== undefined) {
          of(leases, led).set(secretName, changes.leaseUntil);
          of(words, led).set(secretName, []);
        }
        check(() => {
          if (changes.refused === true) {
            const heard = of(words, led).get(secretName) ?? [];
            assert.ok(heard.filter((isFinal) => isFinal).length >= 2, "refused without Entra's final word, twice");
          }
          if (changes.secretVersion === undefined || changes.secretVersion === before) return;
          const [older = 0, newer] = [issuedOf(secretName, before), issuedOf(stored.secretName, changes.secretVersion)];
          assert.ok(newer !== undefined, "the row points at a version that is not there");
          assert.ok(newer >= older, "the row points at an older refresh token than before");
        });
        return stored;
      },
      async saveRefreshToken(secretName, refreshToken, endsAt) {
        check(() => {
          assert.notEqual(refreshToken, "", "an empty refresh token");
          const newest = keyVault.read(secretName).at(-1)?.value ?? "";
          // A process that slept through its lease cannot know what its successor stored.
          if (new Date() >= leaseOf(led, secretName)) return;
          assert.ok((issuedAt.get(refreshToken) ?? 0) >= (issuedAt.get(newest) ?? 0), "an older one over a newer one");
        });
        return grants.saveRefreshToken(secretName, refreshToken, endsAt);
      },
    }),

    connected({ secretName }) {
      for (const { value } of keyVault.read(secretName)) remember(secretName, value);
    },

    ageMs: ({ secretName, secretVersion }) => Date.now() - (issuedOf(secretName, secretVersion) ?? 0),

    hasLivingToken({ secretName, secretVersion }) {
      const newest = keyVault.read(secretName).at(-1)?.version ?? "";
      return [secretVersion, newest].some((version) => {
        const issued = issuedOf(secretName, version);
        return issued !== undefined && Date.now() - issued < REFRESH_TOKEN_LIFE_MS;
      });
    },

    assertNothingWrong() {
      if (wrong !== undefined) throw wrong;
    },
  };
}
