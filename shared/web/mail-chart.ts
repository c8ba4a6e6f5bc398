import { html } from "hono/html";
import type { Html } from "./layout.ts";

const BAR_WIDTH = 20;
const BAR_GAP = 6;
const HEIGHT = 72;
/** Below the bars, for the hours. */
const FOOT = 18;
/** Every so many hours are named. */
const NAMED_HOURS = 6;

/** Mail per hour as bars; in words for whoever does not see them. */
export function mailChart(hours: readonly Date[], counts: readonly number[]): Html {
  const sum = counts.reduce((total, count) => total + count, 0);
  const most = Math.max(0, ...counts);
  const busiest = hours[counts.indexOf(most)];
  const words =
    sum === 0 || busiest === undefined
      ? "No mail was delivered in the last 24 hours."
      : `${mails(sum)} delivered in the last 24 hours, the most from ${clock(busiest)} UTC on: ${most}.`;
  if (sum === 0) return html`<p>${words}</p>`;
  const width = hours.length * (BAR_WIDTH + BAR_GAP);
  const bars = hours.map((hour, index) => {
    const count = counts[index] ?? 0;
    const height = count === 0 ? 1 : Math.max(3, Math.round((count / most) * HEIGHT));
    const x = index * (BAR_WIDTH + BAR_GAP);
    const name =
      hour.getUTCHours() % NAMED_HOURS === 0
        ? html`<text x="${x + BAR_WIDTH / 2}" y="${HEIGHT + FOOT - 3}" text-anchor="middle">${clock(hour)}</text>`
        : "";
    return html`<rect x="${x}" y="${HEIGHT - height}" width="${BAR_WIDTH}" height="${height}" rx="2"><title>${clock(hour)}: ${count}</title></rect>${name}`;
  });
  return html`<p>${words}</p><svg class="chart" viewBox="-10 0 ${width + 20} ${HEIGHT + FOOT}" role="img" aria-label="${words}">${bars}</svg>`;
}

function clock(hour: Date): string {
  return hour.toISOString().slice(11, 16);
}

function mails(count: number): string {
  return count === 1 ? "1 mail" : `${count} mails`;
}
