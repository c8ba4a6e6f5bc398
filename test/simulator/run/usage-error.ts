/** The command was called in a way that cannot work; its message says what to do instead. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
