/** The one stylesheet. Colours by role, for light and for dark; one column on a phone. */
export const STYLE = `
:root{--ground:#f6f7f9;--card:#fff;--ink:#1b1f24;--soft:#57606a;--line:#d5dae0;--link:#0b57d0;--good:#146c2e;--warn:#8a4b00;--bad:#b3261e;--press:#0b57d0;--pressed:#fff}
@media (prefers-color-scheme:dark){:root{--ground:#101418;--card:#1a2027;--ink:#e6e9ed;--soft:#a3adb8;--line:#333c47;--link:#8ab4ff;--good:#6fd08c;--warn:#f2b866;--bad:#ff8a80;--press:#8ab4ff;--pressed:#08101c}}
*{box-sizing:border-box}
body{margin:0;overflow-wrap:anywhere;background:var(--ground);color:var(--ink);font:16px/1.5 system-ui,"Segoe UI",Roboto,sans-serif}
header,main,footer{max-width:64rem;margin:0 auto;padding:0 clamp(1rem,4vw,2.5rem)}
header{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center;padding-block:1rem;font-weight:650;letter-spacing:.01em}
nav{display:flex;flex-wrap:wrap;gap:1rem;margin-inline-start:1rem;font-weight:550}
.who{margin-inline-start:auto;display:flex;gap:.75rem;align-items:center;font-weight:400}
.skip{position:absolute;left:-99rem}
.skip:focus{position:static}
footer{padding-block:2rem;color:var(--soft);display:flex;gap:1.25rem;flex-wrap:wrap}
h1{font-size:1.6rem;line-height:1.2;margin:.5rem 0 1.25rem}
h2{font-size:1.1rem;margin:0}
a{color:var(--link)}
p{max-width:44rem}
.card{background:var(--card);border:1px solid var(--line);border-radius:.75rem;padding:1.1rem 1.25rem;margin:0 0 1rem}
.top{display:flex;flex-wrap:wrap;gap:.25rem .75rem;align-items:baseline;justify-content:space-between}
.state{font-weight:650}
.good{color:var(--good)}.warn{color:var(--warn)}.bad{color:var(--bad)}
.trouble{border-left:.25rem solid var(--bad);padding:.1rem 0 .1rem .75rem;margin:.75rem 0}
.good-line{border-color:var(--good)}.warn-line{border-color:var(--warn)}.bad-line{border-color:var(--bad)}
.chart{display:block;width:100%;max-height:8rem}
.chart rect{fill:var(--link)}
.chart text{fill:var(--soft);font-size:12px}
.card>p:first-child{margin-top:0}
.card>h2+.actions{margin-top:.75rem}
.alarm{border-color:var(--bad)}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(13.5rem,1fr));gap:.6rem 1.25rem;margin:.9rem 0}
dt{color:var(--soft);font-size:.85rem}
dd{margin:0;font-variant-numeric:tabular-nums}
small{color:var(--soft)}
form{display:inline}
form.wide{display:grid;gap:1rem;max-width:34rem}
.actions{display:flex;flex-wrap:wrap;gap:.5rem;align-items:center}
button,.button{font:inherit;min-height:2.5rem;padding:.4rem .95rem;border-radius:.5rem;border:1px solid var(--line);background:transparent;color:var(--ink);cursor:pointer;text-decoration:none;display:inline-flex;align-items:center}
.main{background:var(--press);border-color:var(--press);color:var(--pressed);font-weight:600}
:focus-visible{outline:3px solid var(--link);outline-offset:2px}
label{display:grid;gap:.3rem;font-weight:550}
label small{font-weight:400}
input,select{font:inherit;font-weight:400;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:.5rem;padding:.45rem .6rem;min-height:2.5rem;width:100%}
textarea{font:inherit;color:inherit;background:var(--card);border:1px solid var(--soft);border-radius:.5rem;padding:.45rem .6rem;width:100%}
pre{white-space:pre-wrap;font:inherit;font-size:.95rem;border:1px solid var(--line);border-radius:.5rem;padding:.75rem 1rem;max-height:32rem;overflow:auto}
.events{list-style:none;padding:0;margin:.5rem 0 0;display:grid;gap:.35rem}
.events li{display:grid;grid-template-columns:13.5rem 1fr;gap:.25rem 1rem}
.events time{color:var(--soft);font-variant-numeric:tabular-nums}
@media (max-width:36rem){.events li{grid-template-columns:1fr}}
h2+dl{margin-top:.75rem}
.check{list-style:none;padding:0;display:grid;gap:.6rem}
fieldset{border:1px solid var(--line);border-radius:.5rem;display:grid;gap:.5rem;margin:0}
label.choice{display:flex;gap:.5rem;align-items:center}
label.choice input{width:auto;min-height:0}
`;
