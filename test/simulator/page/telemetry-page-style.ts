/** What the telemetry page adds to the style of the simulator's page. */
export const telemetryPageStyle = `
  .card { padding: 16px 18px; border: 1px solid var(--line); border-radius: 12px; background: var(--card) }
  details { border-top: 1px solid var(--line); padding: 6px 0 }
  summary { cursor: pointer; font-variant-numeric: tabular-nums }
  table { width: 100%; border-collapse: collapse; font-size: 13px }
  th { text-align: left; font-weight: 500 }
  td, th { padding: 2px 8px 2px 0; vertical-align: top }
  .number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
  .track { position: relative; width: 40%; min-width: 90px }
  .bar { position: absolute; top: 6px; height: 10px; border-radius: 3px; background: var(--accent) }
  .bar.run { background: var(--quiet); opacity: .5 }
  .bar.graph { background: #2f7ed8 } .bar.entra { background: #8a5fd0 }
  .bar.desk { background: #2e9e5b } .bar.azure { background: #c98a1b }
  .failed th, .bad { color: light-dark(#b3261e, #ff9d94) }
  .failed .bar { background: light-dark(#b3261e, #ff9d94) }
  .metrics tr { border-top: 1px solid var(--line) }
  .log { max-height: 480px }
  @media (max-width: 560px) { .track { display: none } }
`;
