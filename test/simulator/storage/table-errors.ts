import { randomUUID } from "node:crypto";
import { RestError } from "@azure/data-tables";

/** What the table service answers instead of doing what it was asked. */
export interface TableRefusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

/** https://learn.microsoft.com/rest/api/storageservices/table-service-error-codes */
export const TABLE_REFUSALS = {
  notFound: { status: 404, code: "ResourceNotFound", message: "The specified resource does not exist." },
  exists: { status: 409, code: "EntityAlreadyExists", message: "The specified entity already exists." },
  changed: {
    status: 412,
    code: "UpdateConditionNotSatisfied",
    message: "The update condition specified in the request was not satisfied.",
  },
  badKey: { status: 400, code: "InvalidInput", message: "An error occurred while processing this request." },
  badFilter: {
    status: 400,
    code: "InvalidInput",
    message: "The query condition specified in the request is invalid.",
  },
  tooManyActions: {
    status: 400,
    code: "InvalidInput",
    message: "The batch request operation exceeds the maximum 100 changes per change set.",
  },
  rowTwice: {
    status: 400,
    code: "InvalidDuplicateRow",
    message: "A command with this RowKey is already present in the batch. An entity can appear only once in a batch.",
  },
  propertyTooLarge: {
    status: 400,
    code: "PropertyValueTooLarge",
    message: "The property value exceeds the maximum allowed size (64KB).",
  },
  entityTooLarge: {
    status: 400,
    code: "EntityTooLarge",
    message: "The entity is larger than the maximum size permitted.",
  },
  tooManyProperties: {
    status: 400,
    code: "TooManyProperties",
    message: "The entity contains more properties than allowed.",
  },
  serverBusy: { status: 503, code: "ServerBusy", message: "The server is busy." },
  firewall: {
    status: 403,
    code: "AuthorizationFailure",
    message: "This request is not authorized to perform this operation.",
  },
  internalError: { status: 500, code: "InternalError", message: "Server encountered an internal error." },
} as const satisfies Record<string, TableRefusal>;

/** As the real client throws it for a request of one action. */
export function tableError({ status, code, message }: TableRefusal): RestError {
  const odataError = { code, message: { lang: "en-US", value: textOf(message) } };
  const error = new RestError(JSON.stringify({ "odata.error": odataError }), { statusCode: status });
  error.details = { errorCode: code, odataError };
  return error;
}

/** As the real client throws it for a transaction: with its code elsewhere, and the number of the action that failed. */
export function transactionError({ status, code, message }: TableRefusal, action: number): RestError {
  return new RestError(textOf(`${action}:${message}`), { statusCode: status, code });
}

/** As the real client throws it where the connection breaks. */
export function connectionError(): RestError {
  return new RestError("read ECONNRESET", { code: "ECONNRESET" });
}

function textOf(message: string): string {
  return `${message}\nRequestId:${randomUUID()}\nTime:${new Date().toISOString()}`;
}
