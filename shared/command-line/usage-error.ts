/** The command was typed in a way that means nothing: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}
