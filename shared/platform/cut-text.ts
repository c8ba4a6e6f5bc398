const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/**
 * A text of at most `limit` UTF-16 code units, `ending` included where something was cut. It is cut between characters
 * as people see them: half an emoji is no text, and half a flag another one. It has no lone surrogates either.
 * https://www.unicode.org/reports/tr29/
 */
export function cutText(text: string, limit: number, ending = "…"): string {
  const whole = text.toWellFormed();
  if (whole.length <= limit) return whole;
  const room = limit - ending.length;
  const start = graphemes.segment(whole).containing(room)?.index ?? room;
  // A single letter may carry marks without end; then a whole code point has to do.
  const cut = start === 0 ? whole.slice(0, room).replace(/[\ud800-\udbff]$/, "") : whole.slice(0, start);
  return cut + ending;
}
