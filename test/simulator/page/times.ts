/** A time as the pages show it, UTC. */
export function inWords(at: number): string {
  return new Date(at).toISOString().replace("T", " ").slice(0, 19);
}
