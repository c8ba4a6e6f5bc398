import { type Answer, json } from "../stand-in.ts";
import type { DeltaRefusal } from "./graph-controls.ts";

interface GraphErrorDetails {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What Graph refuses, with its status and code; thrown inside the stand-in and turned into an answer at its edge. */
export class GraphError extends Error {
  override readonly name = "GraphError";
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor({ status, code, message, headers = {} }: GraphErrorDetails) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The two ids that stand in the headers and in the error body of one answer. */
interface RequestIds {
  readonly requestId: string;
  readonly clientRequestId: string;
}

/** The answer for an error, in the shape of https://learn.microsoft.com/graph/errors */
export function errorAnswer(error: GraphError, { requestId, clientRequestId }: RequestIds): Answer {
  const innerError = {
    // Graph writes this one without a zone: https://github.com/microsoftgraph/microsoft-graph-docs/issues/4097
    date: new Date().toISOString().slice(0, 19),
    "request-id": requestId,
    "client-request-id": clientRequestId,
  };
  return json(error.status, { error: { code: error.code, message: error.message, innerError } }, error.headers);
}

const BEARER_CHALLENGE =
  'Bearer realm="", authorization_uri="https://login.microsoftonline.com/common/oauth2/authorize", ' +
  'client_id="00000003-0000-0000-c000-000000000000"';

export function invalidToken(message: string): GraphError {
  return new GraphError({
    status: 401,
    code: "InvalidAuthenticationToken",
    message,
    headers: { "www-authenticate": BEARER_CHALLENGE },
  });
}

/**
 * The 401 of continuous access evaluation: the token is within its time, yet Entra wants these claims (JSON) first.
 * https://learn.microsoft.com/entra/identity-platform/claims-challenge
 */
export function claimsChallenge(claims: string): GraphError {
  const encoded = Buffer.from(claims).toString("base64");
  return new GraphError({
    status: 401,
    code: "InvalidAuthenticationToken",
    message:
      "Continuous access evaluation resulted in challenge with result: InteractionRequired " +
      "and code: TokenIssuedBeforeRevocationTimestamp",
    headers: { "www-authenticate": `${BEARER_CHALLENGE}, error="insufficient_claims", claims="${encoded}"` },
  });
}

export function accessDenied(): GraphError {
  return new GraphError({
    status: 403,
    code: "ErrorAccessDenied",
    message: "Access is denied. Check credentials and try again.",
  });
}

/** https://github.com/microsoftgraph/microsoft-graph-docs/issues/7909 shows status and text. */
export function invalidUser(address: string): GraphError {
  return new GraphError({
    status: 404,
    code: "ErrorInvalidUser",
    message: `The requested user '${address}' is invalid.`,
  });
}

export function itemNotFound(): GraphError {
  return new GraphError({
    status: 404,
    code: "ErrorItemNotFound",
    message: "The specified object was not found in the store.",
  });
}

/** https://github.com/microsoftgraph/microsoft-graph-docs/issues/11233 */
export function folderNotFound(): GraphError {
  return new GraphError({
    status: 404,
    code: "ErrorFolderNotFound",
    message: "The specified folder could not be found in the store.",
  });
}

export function malformedId(): GraphError {
  return new GraphError({ status: 400, code: "ErrorInvalidIdMalformed", message: "Id is malformed." });
}

export function badRequest(message: string): GraphError {
  return new GraphError({ status: 400, code: "BadRequest", message });
}

/** https://github.com/microsoftgraph/microsoft-graph-docs-contrib/issues/5546: the documented folder path fails. */
export function unsupportedRequest(): GraphError {
  return new GraphError({
    status: 405,
    code: "ErrorInvalidRequest",
    message: "The OData request is not supported.",
  });
}

/** https://learn.microsoft.com/graph/api/user-list-messages: sorting by what is not filtered by, or in another order. */
export function inefficientFilter(): GraphError {
  return new GraphError({
    status: 400,
    code: "InefficientFilter",
    message: "The restriction or sort order is too complex for this operation.",
  });
}

/** A message that Exchange cannot turn into MIME, now or ever. */
export function conversionFailed(): GraphError {
  return new GraphError({
    status: 500,
    code: "ErrorContentConversionFailed",
    message: "Content conversion: Body conversion failed.",
  });
}

/** Delta keeps its state in the mailbox, so that a full one fails there only: https://github.com/alcionai/corso/pull/3184 */
export function quotaExceeded(): GraphError {
  return new GraphError({
    status: 403,
    code: "ErrorQuotaExceeded",
    message: "Mailbox has exceeded maximum mailbox size.",
  });
}

const NO_DELTA: Readonly<Record<DeltaRefusal, { readonly code: string; readonly message: string }>> = {
  400: {
    code: "BadRequest",
    message: "Unsupported request: Change tracking is not supported against 'microsoft.graph.message'.",
  },
  405: { code: "ErrorInvalidRequest", message: "The OData request is not supported." },
  501: { code: "NotImplemented", message: "The requested feature is not implemented." },
};

export function deltaRefused(status: DeltaRefusal): GraphError {
  return new GraphError({ status, ...NO_DELTA[status] });
}

/** What comes instead of a page that is too heavy: no text, no Retry-After. */
export function gatewayTimeout(): GraphError {
  return new GraphError({ status: 504, code: "UnknownError", message: "" });
}
