import assert from "node:assert/strict";
import type { TokenCredential } from "@azure/identity";
import { messageOf } from "../../../shared/platform/errors.ts";
import type { TokenEndpoint } from "../../../shared/tokens/token-endpoint.ts";

/** Where a secret must not be, apart from the errors that were thrown. */
interface Places {
  readonly logLines: readonly string[];
  readonly urls: readonly string[];
}

/** Remembers every secret that is issued, and what was thrown, to find the one in the other. */
export interface LeakWatch {
  remember(...secrets: readonly (string | undefined)[]): void;
  /** The same credential; the tokens that it gives are remembered. */
  credential(credential: TokenCredential): TokenCredential;
  /** The same endpoint; what it issues and what is sent to it is remembered. */
  endpoint(endpoint: TokenEndpoint): TokenEndpoint;
  /** The same call; the words of whatever it throws are kept. */
  call<Result>(call: Promise<Result>): Promise<Result>;
  /** Fails where a secret is in one of these places, or in the words of an error. */
  assertNothingLeaked(places: Places): void;
}

export function createLeakWatch(): LeakWatch {
  const issued = new Set<string>();
  const inUrlByProtocol = new Set<string>();
  const thrown: string[] = [];

  function remember(...secrets: readonly (string | undefined)[]): void {
    for (const secret of secrets) if (secret !== undefined) issued.add(secret);
  }

  return {
    remember,
    credential: (credential) => ({
      getToken: async (scopes) => {
        const token = await credential.getToken(scopes);
        remember(token?.token);
        return token;
      },
    }),
    endpoint: (endpoint) => ({
      tenantId: endpoint.tenantId,
      authorizationUrl: (request) => {
        remember(request.state, request.nonce, request.codeVerifier);
        // Both go to Microsoft in the query; the protocol has no other place for them.
        inUrlByProtocol.add(request.state).add(request.nonce);
        return endpoint.authorizationUrl(request);
      },
      redeemCode: async (redemption) => {
        remember(redemption.code);
        const answer = await endpoint.redeemCode(redemption);
        remember(answer.accessToken, answer.refreshToken);
        return answer;
      },
      refresh: async (request) => {
        remember(request.refreshToken);
        const answer = await endpoint.refresh(request);
        remember(answer.accessToken, answer.refreshToken);
        return answer;
      },
      adminConsentUrl: (request) => {
        remember(request.state);
        inUrlByProtocol.add(request.state);
        return endpoint.adminConsentUrl(request);
      },
      applicationToken: async (request) => {
        const answer = await endpoint.applicationToken(request);
        remember(answer.accessToken);
        return answer;
      },
    }),
    call: async (call) => {
      try {
        return await call;
      } catch (error) {
        thrown.push(`${messageOf(error)} ${error instanceof Error ? error.stack : ""} ${JSON.stringify(error)}`);
        throw error;
      }
    },
    assertNothingLeaked: ({ logLines, urls }) => {
      assert.ok(issued.size > 5, "Nothing was issued, so nothing was proved");
      for (const secret of issued) {
        assert.ok(secret.length > 8);
        const places = [...logLines, ...thrown, ...(inUrlByProtocol.has(secret) ? [] : urls)];
        const leak = places.find((place) => place.includes(secret));
        assert.equal(leak, undefined, `The secret ${secret.slice(0, 12)}… is in: ${leak}`);
      }
    },
  };
}
