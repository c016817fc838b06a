"""How charts look: one sheet for files of their own and for the console. Light and dark are the same rules.

Canary and baseline are orange and blue, which people tell apart who do not see red and green; thick and thin, too.
"""

STYLE = """\
.chart{--paper:#fbfaf7;--ink:#13211f;--soft:#586561;--grid:#e3dfd5;--edge:#b9b4a6;--out:#8a8f8d;\
--canary:#b4540a;--baseline:#1f64a8;--against:#b3261e;--good:#1a7444;\
font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;font-variant-numeric:tabular-nums}
@media (prefers-color-scheme:dark){.chart{--paper:#101716;--ink:#e6ece9;--soft:#9aa8a3;--grid:#25302e;--edge:#4a5955;\
--out:#7b8583;--canary:#f2a154;--baseline:#74b6f5;--against:#ff8a80;--good:#62c98d}}
.chart .c-paper{fill:var(--paper)}
.chart text{fill:var(--ink)}
.chart .c-title{font-size:15px;font-weight:650}
.chart .c-soft{fill:var(--soft)}
.chart .c-value{font-weight:650}
.chart .c-grid{stroke:var(--grid);stroke-width:1}
.chart .c-base{stroke:var(--edge);stroke-width:1}
.chart .c-stage{stroke:var(--edge);stroke-width:1;stroke-dasharray:1 3}
.chart .c-limit{stroke:var(--ink);stroke-width:1.2;stroke-dasharray:5 4}
.chart .c-out{fill:var(--out);opacity:.16}
.chart .c-moment{stroke:var(--ink);stroke-width:1.2}
.chart .c-over{paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
.chart .c-line{fill:none;stroke-width:2.2;stroke-linejoin:round;stroke-linecap:round}
.chart .c-line.c-baseline{stroke-width:1.5}
.chart .c-area{opacity:.16}
.chart .c-dot{stroke:var(--paper);stroke-width:1.5}
.chart .c-line.c-canary{stroke:var(--canary)}.chart .c-line.c-baseline{stroke:var(--baseline)}
.chart .c-line.c-against{stroke:var(--against)}.chart .c-line.c-good{stroke:var(--good)}
.chart .c-fill.c-canary{fill:var(--canary)}.chart .c-fill.c-baseline{fill:var(--baseline)}
.chart .c-fill.c-against{fill:var(--against)}.chart .c-fill.c-good{fill:var(--good)}
.chart .c-sign{fill:none;stroke:var(--paper);stroke-width:1.8;stroke-linecap:round;stroke-linejoin:round}
"""
