"""The style sheet of the HTML reports: one column of boxes, light or dark like the reader's system."""

from __future__ import annotations

CSS = """
:root{color-scheme:light dark;--ink:#0f172a;--soft:#64748b;--line:#e2e8f0;--card:#fff;--page:#f8fafc;--blue:#2563eb}
@media(prefers-color-scheme:dark){:root{--ink:#e2e8f0;--soft:#94a3b8;--line:#334155;--card:#1e293b;--page:#0f172a;--blue:#60a5fa}}
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
@media(prefers-color-scheme:dark){img.drawn{filter:invert(.88) hue-rotate(180deg)}}
.wide{overflow-x:auto}
.wide+.wide{margin-top:1rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}
th{text-align:right;font-weight:600;color:var(--soft);font-size:.8rem;border-bottom:1px solid var(--line);padding:.3rem .4rem}
td{text-align:right;white-space:nowrap;padding:.35rem .4rem;border-bottom:1px solid var(--line);font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left;white-space:normal;padding-left:0;min-width:6.2rem;overflow-wrap:anywhere}
th.left,td.left{text-align:left;white-space:normal}
.plain td{text-align:left;white-space:normal;vertical-align:top;overflow-wrap:anywhere}
.plain td:first-child{color:var(--soft);white-space:nowrap;min-width:0;padding-right:1rem}
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
h3{margin:1rem 0 .2rem;font-size:.95rem}
.stats{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.6rem;margin-top:1rem}
.stats div{background:var(--page);border-radius:10px;padding:.55rem .7rem}
.stats b{display:block;font-size:1.2rem;line-height:1.3;font-variant-numeric:tabular-nums}
.stats span{color:var(--soft);font-size:.8rem}
.bar{margin:.55rem 0}
.bar .ends{display:flex;flex-wrap:wrap;justify-content:space-between;column-gap:1rem;font-variant-numeric:tabular-nums}
.bar small{color:var(--soft);font-weight:400}
.bar .interval{margin-top:.3rem}
.bar .note{margin:0}
.interval i{position:absolute;top:0;bottom:0;left:0;border-radius:5px;background:var(--blue);opacity:.6;min-width:3px}
.zero::after{content:"";position:absolute;left:50%;top:-5px;bottom:-5px;width:1px;background:var(--soft)}
.plot{position:relative;height:12rem;margin:.8rem 0 .6rem 3.4rem}
.plot svg{position:absolute;inset:0;width:100%;height:100%;overflow:visible}
.plot i{position:absolute;right:100%;transform:translateY(50%);padding-right:.5rem;color:var(--soft);
 font-style:normal;font-size:.75rem;white-space:nowrap}
.plot .grid{stroke:var(--line);stroke-width:1}
.plot .axis{stroke:var(--soft);stroke-width:1}
.plot .blue{stroke:var(--blue);stroke-width:2;stroke-linejoin:round}
.plot .gray{stroke:#94a3b8;stroke-width:2;stroke-linejoin:round}
.plot .dot{stroke:#dc2626;stroke-width:8;stroke-linecap:round}
.plot .span{stroke:var(--blue);stroke-width:3;stroke-linecap:round;opacity:.75}
.xy{margin-bottom:1.6rem}
.plot i.x{right:auto;top:100%;bottom:auto;transform:translateX(-50%);padding:.2rem 0 0}
.plot .spot{stroke-width:5;stroke-linecap:round;opacity:.7}
.y-name,.x-name{color:var(--soft);font-size:.75rem;margin:.6rem 0 0}.x-name{text-align:right;margin:-.2rem 0 0}
.marks span::before{display:none!important}
.marks b{display:inline-block;width:1rem;height:3px;border-radius:2px;margin-right:.4rem;vertical-align:middle}
.stack{display:flex;height:14px;border-radius:5px;overflow:hidden;margin-top:.3rem;background:var(--line)}
.legend{display:flex;flex-wrap:wrap;gap:.2rem 1.2rem;margin:.2rem 0 .6rem 3.4rem;color:var(--soft);font-size:.85rem}
.legend span::before{content:"";display:inline-block;width:1.2rem;height:3px;border-radius:2px;margin-right:.4rem;
 vertical-align:middle;background:var(--blue)}
.legend .gray::before{background:#94a3b8}
.tools{list-style:none;margin:0;padding:0}
.tools li{padding:.5rem 0 .5rem 1.7rem;border-bottom:1px solid var(--line);position:relative}
.tools li:last-child{border-bottom:0}
.tools li::before{content:"\\2713";position:absolute;left:.2rem;color:#16a34a;font-weight:700}
.tools .warn::before{content:"\\2715";color:#ea580c}
.tools small{display:block;color:var(--soft);font-size:.88rem}
.small-images img{image-rendering:pixelated}
.right{color:#16a34a;font-weight:600}
details{margin-top:.6rem}
summary{cursor:pointer;color:var(--blue);font-size:.92rem}
code{font-size:.88em;overflow-wrap:anywhere}
@media(max-width:30rem){main{padding:.6rem .5rem 2rem}header,section{padding:.9rem}table{font-size:.86rem}
 td{padding:.3rem}th{padding:.3rem}.plot,.legend{margin-left:2.9rem}}
"""
