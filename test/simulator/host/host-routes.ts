import { FunctionFaultError } from "./host-config.ts";

/** A route of an HTTP function, such as `api/mailboxes/{id:guid}/{action?}`. */
export interface Route {
  readonly functionName: string;
  /** Upper case. */
  readonly methods: readonly string[];
  readonly authLevel: string;
  /** The parameters of a path that fits, decoded; `undefined` when it does not fit. */
  match(path: string): Record<string, string> | undefined;
}

interface Segment {
  readonly source: string;
  readonly parameter?: string;
}

// The constraints of ASP.NET that functions use; the comparison ignores case, as there.
// https://learn.microsoft.com/aspnet/core/fundamentals/routing#route-constraints
const CONSTRAINTS: Readonly<Record<string, string>> = {
  int: "-?\\d{1,10}",
  long: "-?\\d{1,19}",
  alpha: "[a-z]*",
  bool: "true|false",
  guid: "[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}",
};

export function createRoute(route: string, rest: Pick<Route, "functionName" | "methods" | "authLevel">): Route {
  const segments = route.split("/").filter(Boolean).map(readSegment);
  const pattern = new RegExp(`^${segments.map(({ source }) => source).join("")}/?$`, "i");
  const names = segments.flatMap(({ parameter }) => parameter ?? []);
  return {
    ...rest,
    match: (path) => {
      const found = pattern.exec(path);
      if (found === null) return undefined;
      const values = names.map((name, index) => [name, found[index + 1]] as const);
      return Object.fromEntries(
        values.flatMap(([name, value]) => (value === undefined ? [] : [[name, decode(value)]])),
      );
    },
  };
}

function readSegment(text: string): Segment {
  if (!text.startsWith("{")) return { source: `/${text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}` };
  const parts = /^\{(\*{0,2})(\w+)(?::([^?}]+))?(\?)?\}$/.exec(text);
  if (parts === null) throw new FunctionFaultError(`The route segment '${text}' is not understood here.`);
  const [, stars, parameter = "", constraint, optional] = parts;
  if (stars) return { source: "(?:/(.*))?", parameter };

  const value = constraint === undefined ? "[^/]+" : CONSTRAINTS[constraint];
  if (value === undefined) throw new FunctionFaultError(`The route constraint '${constraint}' is not understood here.`);
  return {
    source: optional ? `(?:/(${value}))?` : `/(${value})`,
    parameter,
  };
}

/** ASP.NET leaves an encoded slash as it is. https://github.com/dotnet/aspnetcore/issues/11544 */
function decode(text: string): string {
  try {
    return decodeURIComponent(text.replace(/%2f/gi, (slash) => `%25${slash.slice(1)}`));
  } catch {
    return text;
  }
}
