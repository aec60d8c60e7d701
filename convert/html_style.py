"""The look of the pages: one column of cards, light or dark as the reader's system is."""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--ink:#0f172a;--soft:#64748b;--line:#e2e8f0;--card:#fff;--page:#f8fafc;--blue:#2563eb}
@media(prefers-color-scheme:dark){:root{--ink:#e2e8f0;--soft:#94a3b8;--line:#334155;--card:#1e293b;--page:#0f172a}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
main{max-width:46rem;margin:0 auto;padding:1.25rem 1rem 3rem}
header,section{background:var(--card);border:1px solid var(--line);border-radius:14px;padding:1.1rem 1.2rem;margin:0 0 1rem}
.kicker{margin:0;color:var(--soft);font-size:.8rem;letter-spacing:.04em}
h1{margin:.1rem 0;font-size:1.5rem;line-height:1.25;overflow-wrap:anywhere}
h2{margin:0 0 .3rem;font-size:1.1rem}
.sub,.note{color:var(--soft);margin:.2rem 0 .6rem;font-size:.92rem}
.score{font-size:3.4rem;font-weight:700;line-height:1;margin:.9rem 0 .3rem}
.score small{font-size:1.6rem;font-weight:600}
.interval{position:relative;height:10px;border-radius:5px;background:var(--line);margin-top:.8rem}
.interval span{position:absolute;top:0;bottom:0;border-radius:5px;background:var(--blue);opacity:.35;min-width:4px}
.interval b{position:absolute;top:-3px;bottom:-3px;width:3px;margin-left:-1px;border-radius:2px;background:var(--blue)}
.scale{display:flex;justify-content:space-between;color:var(--soft);font-size:.75rem;margin-top:.2rem}
img{width:100%;height:auto;border-radius:8px;background:#fff;display:block}
.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{text-align:right;font-weight:600;color:var(--soft);font-size:.8rem;border-bottom:1px solid var(--line);padding:.3rem .4rem}
td{text-align:right;padding:.35rem .4rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left;padding-left:0;overflow-wrap:anywhere}
.plain td{text-align:left;vertical-align:top;overflow-wrap:anywhere}
.plain td:first-child{color:var(--soft);white-space:nowrap;padding-right:1rem}
tr:last-child td{border-bottom:0}
.small img{max-width:26rem;margin:0 auto}
.tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(8.5rem,1fr));gap:.7rem}
figure{margin:0}
figcaption{font-size:.82rem;line-height:1.35;margin-top:.25rem;overflow-wrap:anywhere}
figcaption small{display:block;color:var(--soft);font-size:.72rem}
.findings{list-style:none;margin:0;padding:0}
.findings li{padding:.5rem .7rem;border-left:4px solid var(--blue);
 margin:.45rem 0;background:color-mix(in srgb,var(--blue) 7%,transparent);
 border-radius:0 8px 8px 0}
.findings .warn{border-color:#ea580c;background:color-mix(in srgb,#ea580c 10%,transparent)}
.findings .good{border-color:#16a34a;background:color-mix(in srgb,#16a34a 10%,transparent)}
"""
