import type { SeenRequest } from "../stand-in.ts";
import { badRequest } from "./graph-errors.ts";

/** What a request asks for in its `Prefer` header. */
export interface Preferences {
  readonly immutableIds: boolean;
  readonly maxPageSize: number | undefined;
}

export function readPreferences(request: SeenRequest): Preferences {
  const prefer = String(request.headers.prefer ?? "");
  const maxPageSize = /odata\.maxpagesize\s*=\s*(\d+)/i.exec(prefer)?.[1];
  return {
    immutableIds: /IdType\s*=\s*"ImmutableId"/i.test(prefer),
    maxPageSize: maxPageSize === undefined ? undefined : Number(maxPageSize),
  };
}

/** The properties that `$select` names; undefined without one. */
export function readSelect(query: URLSearchParams): readonly string[] | undefined {
  const names = (query.get("$select") ?? "").split(",").map((name) => name.trim());
  const given = names.filter((name) => name !== "");
  return given.length === 0 ? undefined : given;
}

export function readTop(query: URLSearchParams): number | undefined {
  const text = query.get("$top");
  if (text === null) return undefined;
  const top = Number(text);
  if (!Number.isInteger(top) || top < 1 || top > 1000) {
    throw badRequest(`Invalid value '${text}' for $top query option found. The $top query option requires 1 to 1000.`);
  }
  return top;
}

export interface ReceivedFilter {
  readonly operators: readonly string[];
  readonly accepts: (receivedAt: Date) => boolean;
}

const COMPARISONS: Record<string, (left: number, right: number) => boolean> = {
  ge: (left, right) => left >= right,
  gt: (left, right) => left > right,
  le: (left, right) => left <= right,
  lt: (left, right) => left < right,
};

/** `receivedDateTime ge X and receivedDateTime le Y`: the one kind of filter that the stand-in knows. */
export function readReceivedFilter(query: URLSearchParams): ReceivedFilter | undefined {
  const text = query.get("$filter")?.trim();
  if (!text) return undefined;
  const clauses = text.split(/\s+and\s+/i).map((clause) => {
    const [, operator = "", moment = ""] = /^receivedDateTime\s+(ge|gt|le|lt)\s+(\S+)$/.exec(clause) ?? [];
    const compare = COMPARISONS[operator];
    const time = /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(moment) ? Date.parse(moment) : Number.NaN;
    if (compare === undefined || Number.isNaN(time)) throw badRequest(`Invalid filter clause: ${clause}`);
    return { operator, accepts: (receivedAt: Date) => compare(receivedAt.getTime(), time) };
  });
  return {
    operators: clauses.map((clause) => clause.operator),
    accepts: (receivedAt) => clauses.every((clause) => clause.accepts(receivedAt)),
  };
}

/** Graph gives times in whole seconds, without the fraction that JavaScript adds. */
export function graphTime(moment: Date): string {
  return `${moment.toISOString().slice(0, 19)}Z`;
}
