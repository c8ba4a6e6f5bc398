/** Words that programs write where they have no id. */
const NO_NAME = /^(?:0+|none|null|nil|undefined|empty|missing|na)?$/i;
/** `%` is left out: it stands for any text where a database compares with LIKE. */
const WHOLE = /<[^<>\s%]+@[^<>\s%]+>/g;
const BARE = /^[^\s<>()@,;"%]+@[^\s<>()@,;"%]+$/;

/** The whole message ids (`<left@right>`) in a header that names other mails; ids without their brackets get them. */
export function wholeIds(text: string): string[] {
  const found = text.match(WHOLE) ?? [];
  const ids = found.length > 0 ? found : text.split(/\s+/).flatMap((word) => (BARE.test(word) ? [`<${word}>`] : []));
  return ids.filter((id) => !namesNothing(id));
}

/**
 * True for a Message-ID that says nothing of its mail, such as `<>`, `<@>`, `""`, `(none)` or `<0@localhost>`. Without an
 * `@` and a digit it is a word, such as `<a>`, which many mails may bear.
 */
export function namesNothing(text: string): boolean {
  const id = /<([^<>]*)>/.exec(text)?.[1] ?? text;
  const at = id.lastIndexOf("@");
  if (at === -1 && !/[1-9]/.test(id)) return true;
  const left = at === -1 ? id : id.slice(0, at);
  return NO_NAME.test(left.replace(/[^\p{L}\p{N}]/gu, ""));
}

/** True for `left@right` without brackets. */
export function lacksBrackets(id: string): boolean {
  return BARE.test(id);
}
