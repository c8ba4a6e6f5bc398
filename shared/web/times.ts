import { html } from "hono/html";
import type { Html } from "./layout.ts";

/** A moment in UTC, to the second: 2026-11-23 15:04:05 UTC. */
export function moment(date: Date): string {
  return `${date.toISOString().slice(0, 19).replace("T", " ")} UTC`;
}

/** A moment as seen from now: "in 64 min", "3 h ago". */
export function fromNow(date: Date, now: Date): string {
  const ms = date.getTime() - now.getTime();
  const size = span(Math.abs(ms));
  if (size === "") return "now";
  return ms > 0 ? `in ${size}` : `${size} ago`;
}

function span(ms: number): string {
  const seconds = Math.round(ms / 1_000);
  if (seconds < 1) return "";
  if (seconds < 90) return `${seconds} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  const hours = Math.round(minutes / 60);
  if (hours < 48) return `${hours} h`;
  return `${Math.round(hours / 24)} days`;
}

/** A moment for a page: as seen from now, and exactly for whoever points at it or reads by machine. */
export function whenever(date: Date | undefined, now: Date, never: string): Html {
  if (date === undefined) return html`${never}`;
  return html`<time datetime="${date.toISOString()}" title="${moment(date)}">${fromNow(date, now)}</time>`;
}
