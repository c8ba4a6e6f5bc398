/** The parts of a path, as it was sent: an encoded slash belongs to its part. */
export function segmentsOf(path: string): readonly string[] {
  return path.split("/").filter((segment) => segment !== "");
}

/**
 * The parameters of a path that fits a template such as `mailboxes/:id`; `undefined` where it does not fit. As for the
 * Functions host, upper and lower case are the same in what is fixed.
 */
export function matchPath(template: string, segments: readonly string[]): ReadonlyMap<string, string> | undefined {
  const wanted = segmentsOf(template);
  if (wanted.length !== segments.length) return undefined;
  const parameters = new Map<string, string>();
  for (const [index, part] of wanted.entries()) {
    const segment = segments[index] ?? "";
    if (part.startsWith(":")) parameters.set(part.slice(1), segment);
    else if (part !== segment.toLowerCase()) return undefined;
  }
  return parameters;
}
