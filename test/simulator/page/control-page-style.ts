/** Light and dark, from a phone's width to a wide screen. */
export const controlPageStyle = `
  :root {
    color-scheme: light dark;
    --page: light-dark(#f4f5f7, #15181d); --card: light-dark(#fff, #1e232b); --text: light-dark(#1b2430, #e6e9ee);
    --quiet: light-dark(#5a6676, #9aa5b4); --line: light-dark(#dde2e9, #323a46); --accent: light-dark(#0b5cad, #7ab8ff);
    --on: light-dark(#ffedc2, #5a4407); --note: light-dark(#e2f2e5, #17381f);
  }
  * { box-sizing: border-box }
  body { margin: 0 auto; max-width: 1180px; padding: 24px 20px 40px; background: var(--page); color: var(--text);
    font: 15px/1.5 system-ui, "Segoe UI", sans-serif; overflow-wrap: anywhere }
  a { color: var(--accent) }
  h1 { margin: 0; font-size: 26px; line-height: 1.2 }
  h2 { margin: 0 0 10px; font-size: 16px }
  h3 { margin: 0 0 8px; font-size: 14px }
  header { display: flex; flex-wrap: wrap; gap: 12px 32px; align-items: end; justify-content: space-between;
    margin-bottom: 20px }
  header p { margin: 4px 0 0; color: var(--quiet) }
  header > div { flex: 1 1 420px }
  .clock span { display: block; font-size: 13px }
  .clock time { color: var(--text); font-size: 22px; font-variant-numeric: tabular-nums }
  .notice { margin: 0 0 16px; padding: 10px 14px; border-radius: 8px; background: var(--note) }
  .playing { background: var(--on) }
  main { display: grid; gap: 16px }
  main section > section, .drop, .groups > section { padding: 16px 18px; border: 1px solid var(--line);
    border-radius: 12px; background: var(--card) }
  .lists, .groups { display: grid; gap: 16px; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr));
    align-items: start }
  .count { padding: 1px 8px; border-radius: 999px; background: var(--line); font-size: 13px }
  .mails { margin: 0; padding: 0; max-height: 340px; overflow: auto; list-style: none }
  .mails li { padding: 7px 0; border-top: 1px solid var(--line) }
  .mails strong, .mails span { display: block }
  .mails strong { font-weight: 600 }
  .mails span, .quiet, .expect { color: var(--quiet); font-size: 13px }
  .expect { margin: 4px 0 0 }
  .forms { display: grid; gap: 20px; margin-top: 14px;
    grid-template-columns: repeat(auto-fit, minmax(min(100%, 250px), 1fr)) }
  label { display: block; margin-bottom: 8px; color: var(--quiet); font-size: 13px }
  input, select, textarea { display: block; width: 100%; margin-top: 2px; padding: 7px 9px; border: 1px solid var(--line);
    border-radius: 7px; background: var(--page); color: var(--text); font: inherit }
  button { padding: 7px 13px; border: 1px solid var(--line); border-radius: 8px; background: var(--page);
    color: var(--text); font: inherit; font-weight: 600; text-align: left; cursor: pointer }
  button:hover { border-color: var(--accent) }
  :focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
  button[aria-pressed="true"] { background: var(--on); border-color: transparent }
  .controls { display: grid; gap: 14px; margin: 0; padding: 0; list-style: none }
  footer { display: flex; flex-wrap: wrap; gap: 16px; margin-top: 24px }
  @media (max-width: 560px) { body { padding: 16px 12px 32px } }
`;
